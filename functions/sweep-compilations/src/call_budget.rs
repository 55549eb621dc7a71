//! The calls to SageMaker that one sweep may make, and the time it may take.

use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout_at};
use worker::{CallError, CallErrorKind};

/// Calls to SageMaker per sweep: 20 jobs that are described, 8 pages of the list, and two more.
/// With the one retry of the SDK, that is one request a second for a sweep a minute.
const MAX_CALLS: usize = 30;

/// Pause from the start of a call to the start of the next one. SageMaker accepts about 2 list
/// calls a second from an account (aws-solutions/deepracer-on-aws issue 87), and people use them
/// too.
pub const CALL_PAUSE: Duration = Duration::from_secs(1);

/// No call begins this long before the end of the invocation.
const LAST_CALL: Duration = Duration::from_secs(10);

/// A call is cut off this long before the end of the invocation: what was read so far is sent and
/// the position is recorded.
const CLEANUP: Duration = Duration::from_secs(5);

/// Makes the calls of one sweep to SageMaker, one after the other, until their number or the time
/// is used up: however slow SageMaker is, the sweep ends well and the next one continues.
#[derive(Debug)]
pub(crate) struct CallBudget {
    /// Calls that were made.
    pub calls: usize,
    /// Calls that SageMaker throttled.
    pub throttled: usize,
    pause: Duration,
    next_call: Instant,
    last_call: Instant,
    end: Instant,
}

impl CallBudget {
    /// For an invocation that Lambda ends after `time_limit`.
    pub fn new(time_limit: Duration, pause: Duration) -> Self {
        let now = Instant::now();
        Self {
            calls: 0,
            throttled: 0,
            pause,
            next_call: now,
            last_call: now + time_limit.saturating_sub(LAST_CALL),
            end: now + time_limit.saturating_sub(CLEANUP),
        }
    }

    /// Makes a call; `None` if the budget is used up. Each call that is throttled doubles the pause
    /// between calls.
    pub async fn make_call<R>(
        &mut self,
        call: impl Future<Output = Result<R, CallError>>,
    ) -> Option<Result<R, CallError>> {
        if self.calls == MAX_CALLS || self.next_call.max(Instant::now()) >= self.last_call {
            return None;
        }
        if self.next_call > Instant::now() {
            sleep_until(self.next_call).await;
        }
        self.calls += 1;
        let started = Instant::now();
        let result = match timeout_at(self.end, call).await {
            Ok(result) => result,
            Err(_) => Err(CallError::local(CallErrorKind::Unanswered, "SageMaker did not respond in time")),
        };
        if result.as_ref().is_err_and(|error| error.kind == CallErrorKind::Throttled) {
            self.throttled += 1;
            self.pause *= 2;
        }
        self.next_call = started + self.pause;
        Some(result)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn call_without_an_answer_is_cut_off() {
        let mut budget = CallBudget::new(Duration::from_mins(1), Duration::ZERO);
        budget.end = Instant::now() + Duration::from_millis(20);
        let call = budget.make_call(std::future::pending::<Result<(), CallError>>());
        let answer = timeout(Duration::from_secs(5), call).await.unwrap().unwrap();
        assert_eq!(answer.unwrap_err().kind, CallErrorKind::Unanswered);
    }
}
