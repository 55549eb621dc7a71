//! Reads a dead-letter queue once, and redrives the messages that match.

use std::collections::HashMap;

use jiff::Timestamp;
use worker::{
    dead_letters::{DeadLetter, DeadLetterQueue},
    error::{CallError, format_chain},
};

use crate::args::RedriveArgs;

/// What is done with the messages that match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RedriveAction {
    List,
    Redrive,
    Delete,
}

/// What was done with a message that matches.
pub(super) enum RedriveOutcome {
    /// It was only listed.
    Listed,
    Sent,
    /// It was deleted without being sent (`--delete`).
    Discarded,
    /// It should have been deleted without being sent.
    NotDiscarded(CallError),
    /// It was sent, and is still in the dead-letter queue.
    NotDeleted(CallError),
    NotSent(CallError),
}

impl RedriveOutcome {
    /// Whether it was redriven or deleted: a message that was sent counts although it could not be
    /// deleted.
    pub fn is_done(&self) -> bool {
        matches!(self, Self::Sent | Self::NotDeleted(_) | Self::Discarded)
    }
}

#[derive(Default)]
pub(super) struct RedriveRun {
    /// The messages that match the filters.
    pub messages: Vec<(DeadLetter, RedriveOutcome)>,
    /// Number of messages that do not match the filters.
    pub not_matched: usize,
    /// Number of messages that arrived after the start of the run, some of which may have failed
    /// again. They are not redriven, or a run might never end.
    pub arrived_later: usize,
    /// Correlation ids of messages that could not be released: their visibility timeout has to
    /// expire.
    pub unreleased: Vec<(String, CallError)>,
    /// Why the run stopped before the end of the queue.
    pub stopped: Option<String>,
}

impl RedriveRun {
    /// Whether every message that matches was redriven, deleted or listed, without any error.
    pub fn is_complete(&self) -> bool {
        let is_complete = |outcome: &RedriveOutcome| {
            matches!(outcome, RedriveOutcome::Listed | RedriveOutcome::Sent | RedriveOutcome::Discarded)
        };
        self.messages.iter().all(|(_, outcome)| is_complete(outcome))
            && self.unreleased.is_empty()
            && self.stopped.is_none()
    }

    /// Number of messages that count towards `--limit`: each counts once, however often it is
    /// received.
    pub fn read_count(&self) -> usize {
        self.messages.len() + self.not_matched
    }
}

/// Redrives, deletes or lists the messages that match and were sent before `started`. They are
/// received a few at a time, because the visibility timeout is short. All other messages are
/// released at the end: if they were released earlier, they would be received again.
///
/// # Errors
/// If the first messages cannot be received. Every later error is a part of the result.
pub(super) async fn redrive_queue(
    queue: &DeadLetterQueue,
    args: &RedriveArgs,
    action: RedriveAction,
    started: Timestamp,
) -> Result<RedriveRun, CallError> {
    let mut run = RedriveRun::default();
    // A message whose visibility timeout expired is received again. Only its latest receipt handle
    // can release it.
    let mut unreleased = HashMap::new();
    // Receives in a row that returned only messages that were already read, or that arrived later.
    let mut repeats = 0;
    while run.read_count() < args.limit {
        let received = match queue.receive_messages(args.limit - run.read_count()).await {
            Ok(received) => received,
            Err(error) if unreleased.is_empty() => return Err(error),
            Err(error) => {
                run.stopped = Some(format_chain(&error));
                break;
            }
        };
        if received.is_empty() {
            break;
        }
        let before = run.read_count();
        for message in received {
            if unreleased.insert(message.message_id().to_owned(), message.clone()).is_some() {
                continue;
            }
            if message.sent_at().is_some_and(|sent| sent > started) {
                run.arrived_later += 1;
            } else if args.filters.iter().all(|filter| filter.is_match(&message)) {
                let outcome = handle_message(queue, action, &message).await;
                run.messages.push((message, outcome));
            } else {
                run.not_matched += 1;
            }
        }
        repeats = if run.read_count() == before { repeats + 1 } else { 0 };
        // Each receive hides at least one message. After this many of them, every message that was
        // read is hidden again, and the queue would return the others.
        if repeats > run.read_count() {
            if run.arrived_later == 0 {
                run.stopped = Some("the queue returns only messages that were already read".to_owned());
            }
            break;
        }
    }
    for (message, outcome) in &run.messages {
        if outcome.is_done() {
            unreleased.remove(message.message_id());
        }
    }
    for message in unreleased.into_values() {
        if let Err(error) = queue.release_message(&message).await {
            run.unreleased.push((message.correlation_id().to_owned(), error));
        }
    }
    Ok(run)
}

async fn handle_message(queue: &DeadLetterQueue, action: RedriveAction, message: &DeadLetter) -> RedriveOutcome {
    match action {
        RedriveAction::List => RedriveOutcome::Listed,
        RedriveAction::Delete => match queue.delete_message(message).await {
            Err(error) => RedriveOutcome::NotDiscarded(error),
            Ok(()) => RedriveOutcome::Discarded,
        },
        RedriveAction::Redrive => match queue.send_to_source(message).await {
            Err(error) => RedriveOutcome::NotSent(error),
            Ok(_) => match queue.delete_message(message).await {
                Err(error) => RedriveOutcome::NotDeleted(error),
                Ok(()) => RedriveOutcome::Sent,
            },
        },
    }
}
