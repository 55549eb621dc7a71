//! One round over a dead-letter queue: what became of each letter.

use std::collections::HashMap;

use automation::{
    call::CallError,
    dead_letters::{DeadLetter, DeadLetters},
};
use jiff::Timestamp;

use crate::args::RedriveArgs;

/// What became of a letter.
pub(super) enum Outcome {
    /// Nothing: it is only looked at.
    Shown,
    Sent,
    /// It was sent, and lies in the dead-letter queue too.
    NotDeleted(CallError),
    NotSent(CallError),
}

impl Outcome {
    pub fn is_sent(&self) -> bool {
        matches!(self, Self::Sent | Self::NotDeleted(_))
    }
}

/// What a round came to.
#[derive(Default)]
pub(super) struct Round {
    /// The letters that are meant.
    pub letters: Vec<(DeadLetter, Outcome)>,
    /// How many are not.
    pub others: usize,
    /// How many came only after the round had begun, some of them perhaps dead again: they stay, or a round would never end.
    pub meanwhile: usize,
    /// Letters that could not be given back, by their correlation ids: they stay hidden for a while.
    pub held: Vec<(String, CallError)>,
    /// Why it ended before the queue did.
    pub stopped: Option<CallError>,
}

impl Round {
    /// Takes letters a few at a time, as their hold is short, and sends back those that are meant. What stays is given back at the
    /// end: sooner, it would be taken again.
    ///
    /// # Errors
    /// If not even the first letters could be taken. After that, every error is a part of the outcome.
    pub async fn go(queue: &DeadLetters, args: &RedriveArgs, began: Timestamp) -> Result<Self, CallError> {
        let mut round = Self::default();
        // A letter whose hold ended is taken again; it is given back by the newest hold.
        let mut seen = HashMap::new();
        while round.looked_at() < args.limit {
            let taken = match queue.take(args.limit - round.looked_at()).await {
                Ok(taken) => taken,
                Err(error) if seen.is_empty() => return Err(error),
                Err(error) => {
                    round.stopped = Some(error);
                    break;
                }
            };
            let before = round.looked_at();
            for letter in taken {
                if seen.insert(letter.message_id().to_owned(), letter.clone()).is_some() {
                    continue;
                }
                if letter.sent_at().is_some_and(|sent| sent > began) {
                    round.meanwhile += 1;
                } else if args.filters.iter().all(|filter| filter.matches(&letter)) {
                    let outcome = if args.dry_run { Outcome::Shown } else { send(queue, &letter).await };
                    round.letters.push((letter, outcome));
                } else {
                    round.others += 1;
                }
            }
            if round.looked_at() == before {
                break;
            }
        }
        for (letter, outcome) in &round.letters {
            if outcome.is_sent() {
                seen.remove(letter.message_id());
            }
        }
        for letter in seen.into_values() {
            if let Err(error) = queue.give_back(&letter).await {
                round.held.push((letter.correlation_id().to_owned(), error));
            }
        }
        Ok(round)
    }

    /// Whether all that is meant was done.
    pub fn is_good(&self) -> bool {
        self.letters.iter().all(|(_, outcome)| matches!(outcome, Outcome::Shown | Outcome::Sent))
            && self.held.is_empty()
            && self.stopped.is_none()
    }

    fn looked_at(&self) -> usize {
        self.letters.len() + self.others
    }
}

async fn send(queue: &DeadLetters, letter: &DeadLetter) -> Outcome {
    match queue.send(letter).await {
        Err(error) => Outcome::NotSent(error),
        Ok(_) => match queue.delete(letter).await {
            Err(error) => Outcome::NotDeleted(error),
            Ok(()) => Outcome::Sent,
        },
    }
}
