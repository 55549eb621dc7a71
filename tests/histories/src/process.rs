//! A run of a function that a test advances call by call, and what happens in its calls.
//!
//! Every call to an edge stops the process until the test lets it go on, so a test decides in which
//! order the calls of two processes take effect.

use std::{
    fmt::Debug,
    future::poll_fn,
    hash::{DefaultHasher, Hash, Hasher},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use support::EdgeCalls;
use worker::{CallError, CallErrorKind, Failure};

/// What goes wrong in a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CallFault {
    /// The process crashes before the call takes effect.
    CrashBefore,
    /// The process crashes after the call has taken effect, before it receives the response.
    CrashAfter,
    /// The call does not take effect, and there is no response.
    LostRequest,
    /// The call takes effect, but there is no response.
    LostResponse,
    /// The service refuses the call: it does not take effect.
    Refused,
    /// The service throttles the call: it does not take effect.
    Throttled,
}

impl CallFault {
    pub const ALL: [Self; 6] =
        [Self::CrashBefore, Self::CrashAfter, Self::LostRequest, Self::LostResponse, Self::Refused, Self::Throttled];

    fn takes_effect(self) -> bool {
        matches!(self, Self::CrashAfter | Self::LostResponse)
    }

    fn is_crash(self) -> bool {
        matches!(self, Self::CrashBefore | Self::CrashAfter)
    }

    fn to_error(self) -> CallError {
        match self {
            Self::CrashBefore | Self::CrashAfter => {
                CallError::local(CallErrorKind::Unanswered, "the process has crashed")
            }
            Self::LostRequest | Self::LostResponse => CallError::local(CallErrorKind::Unanswered, "connection reset"),
            Self::Refused => CallError::local(CallErrorKind::Denied, REFUSAL),
            Self::Throttled => CallError::local(CallErrorKind::Throttled, "rate exceeded"),
        }
    }
}

/// The words of a service that refuses a call.
pub const REFUSAL: &str = "the account is not permitted to do this";

/// Controls the calls of one process. Clones share their state.
#[derive(Debug, Clone, Default)]
pub struct CallControl(Arc<Mutex<CallState>>);

#[derive(Debug, Default)]
struct CallState {
    /// The next fault and the number of calls before it.
    fault: Option<(usize, CallFault)>,
    crashed: bool,
    /// Whether a fault has occurred.
    had_fault: bool,
    /// Whether a call waits until the test lets it go on.
    is_waiting: bool,
    /// What the process has learned so far: a hash of all responses.
    knowledge: u64,
}

impl CallState {
    fn learn(&mut self, fact: &impl Hash) {
        let mut hasher = DefaultHasher::new();
        self.knowledge.hash(&mut hasher);
        fact.hash(&mut hasher);
        self.knowledge = hasher.finish();
    }
}

impl CallControl {
    pub fn without_faults() -> Self {
        Self::default()
    }

    /// A process whose call number `calls` (counted from 0) has a fault, if it makes that many.
    pub fn with_fault(calls: usize, fault: CallFault) -> Self {
        let control = Self::default();
        control.lock_state().fault = Some((calls, fault));
        control
    }

    /// The next call has this fault.
    pub fn fail_next_call(&self, fault: CallFault) {
        self.lock_state().fault = Some((0, fault));
    }

    pub fn had_fault(&self) -> bool {
        self.lock_state().had_fault
    }

    /// A hash of all responses that the process has received. Two runs of the same code with the
    /// same knowledge are in the same state.
    pub fn knowledge(&self) -> u64 {
        self.lock_state().knowledge
    }

    fn lock_state(&self) -> MutexGuard<'_, CallState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_fault(&self) -> Option<CallFault> {
        let mut state = self.lock_state();
        let (calls, fault) = state.fault?;
        state.fault = calls.checked_sub(1).map(|left| (left, fault));
        if calls > 0 {
            return None;
        }
        state.crashed = fault.is_crash();
        state.had_fault = true;
        state.learn(&fault);
        Some(fault)
    }
}

impl EdgeCalls for CallControl {
    /// Makes a call when the test lets it go on.
    async fn run_call<T: Debug + Send, E: From<CallError> + Debug + Send>(
        &self,
        call: impl Future<Output = Result<T, E>> + Send,
    ) -> Result<T, E> {
        let response = self.run_unrecorded(call).await;
        self.lock_state().learn(&format!("{response:?}"));
        response
    }

    async fn run_unrecorded<T: Send, E: From<CallError> + Send>(
        &self,
        call: impl Future<Output = Result<T, E>> + Send,
    ) -> Result<T, E> {
        Turn { control: self, is_over: false }.await;
        self.lock_state().learn(&"a call was made");
        match self.take_fault() {
            None => call.await,
            Some(fault) => {
                if fault.takes_effect() {
                    let _ = call.await;
                }
                Err(fault.to_error().into())
            }
        }
    }
}

/// Waits until the process is advanced.
struct Turn<'a> {
    control: &'a CallControl,
    is_over: bool,
}

impl Future for Turn<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if self.is_over {
            return Poll::Ready(());
        }
        self.is_over = true;
        self.control.lock_state().is_waiting = true;
        // Not woken: only `Process::advance` polls it again.
        Poll::Pending
    }
}

/// A run of a function.
pub struct Process<'a> {
    work: Pin<Box<dyn Future<Output = Result<(), Failure>> + 'a>>,
    control: CallControl,
    result: Option<Result<(), Failure>>,
}

impl<'a> Process<'a> {
    /// Starts a run whose edges use `control`. It stops before its first call.
    pub async fn start(control: &CallControl, work: impl Future<Output = Result<(), Failure>> + 'a) -> Self {
        let mut process = Self { work: Box::pin(work), control: control.clone(), result: None };
        process.advance().await;
        process
    }

    pub fn has_ended(&self) -> bool {
        self.result.is_some()
    }

    /// How the process has ended; `None` if it has not.
    pub(crate) fn outcome(&self) -> Option<&'static str> {
        self.result.as_ref().map(|result| match result {
            Ok(()) => "ok",
            Err(Failure::Terminal(_)) => "terminal",
            Err(_) => "retry",
        })
    }

    /// Makes the call before which the process stopped, and runs until its next call or its end.
    pub async fn advance(&mut self) {
        if self.has_ended() {
            return;
        }
        let (work, control) = (&mut self.work, &self.control);
        let result = poll_fn(|context| {
            control.lock_state().is_waiting = false;
            match work.as_mut().poll(context) {
                Poll::Ready(result) => Poll::Ready(Some(result)),
                Poll::Pending if control.lock_state().is_waiting => Poll::Ready(None),
                // It waits for something other than a call, such as a pause.
                Poll::Pending => Poll::Pending,
            }
        })
        .await;
        let has_crashed = self.control.lock_state().crashed;
        self.result = if has_crashed { Some(Err(CallFault::CrashBefore.to_error().into())) } else { result };
    }

    /// Runs to the end.
    pub async fn finish(mut self) -> Result<(), Failure> {
        loop {
            match self.result {
                Some(result) => return result,
                None => self.advance().await,
            }
        }
    }
}

/// Runs two processes to their ends. `turns` says how many calls the first makes, then the second,
/// and so on; after that, the first runs to its end, and then the second.
pub async fn interleave(
    mut first: Process<'_>,
    mut second: Process<'_>,
    turns: &[u8],
) -> (Result<(), Failure>, Result<(), Failure>) {
    for (number, calls) in turns.iter().enumerate() {
        let process = if number.is_multiple_of(2) { &mut first } else { &mut second };
        for _ in 0..*calls {
            process.advance().await;
        }
    }
    (first.finish().await, second.finish().await)
}
