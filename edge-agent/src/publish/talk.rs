//! The agent's side of the conversation with ingest: greets, sends what is due, hears what is settled. Pure.
//!
//! Holds the [`Window`] of an epoch over all connections and the [`Greeting`] of the present one. It names seqs to send and
//! ids to free; the spool is asked by whoever owns it, and only ids that ingest named are ever handed on for freeing.

use std::time::Duration;

use schemas::id::PayloadId;
use schemas::wire::Ack;

use super::greeting::{Asked, Greeting};
use super::window::{Pace, Want, Window};
use crate::limits::FETCH_MAX;
use crate::time::Moment;
use crate::time::stamper::Heard;

/// What an ack says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The hello that it answers, if it is the latest one: its time is worth hearing.
    pub answers: Option<Asked>,
    /// What is settled.
    pub ids: Vec<PayloadId>,
}

/// One agent's conversation. `now` is time that is never driven.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Talk {
    pace: Pace,
    window: Window,
    greeting: Greeting,
    epoch: u64,
}

impl Talk {
    /// Begins without a connection; `epoch` is the spool's.
    pub fn new(pace: Pace, epoch: u64, now: Duration) -> Self {
        Self { pace, window: Window::new(pace), greeting: Greeting::new(pace, now), epoch }
    }

    /// The spool's epoch; in a new one the seqs start over, and the time is to be learned anew.
    pub fn in_epoch(&mut self, epoch: u64, now: Duration) {
        if epoch != self.epoch {
            self.epoch = epoch;
            self.window.restart();
            self.greeting = Greeting::new(self.pace, now);
        }
    }

    /// A new connection: a hello is due at once, and nothing is sent before its answer.
    pub fn connected(&mut self, now: Duration) {
        self.window.closed();
        self.greeting = Greeting::new(self.pace, now);
    }

    /// The connection is gone.
    pub fn disconnected(&mut self, now: Duration) {
        self.connected(now);
    }

    /// Whether ingest answered on this connection.
    pub fn answered(&self) -> bool {
        self.greeting.answered()
    }

    /// Payloads sent and not settled.
    pub fn unacked(&self) -> usize {
        self.window.unacked()
    }

    pub fn window(&self) -> &Window {
        &self.window
    }

    pub fn greeting(&self) -> &Greeting {
        &self.greeting
    }

    /// Lets time pass.
    pub fn pass(&mut self, now: Duration) {
        self.window.pass(now);
    }

    /// The hello to send now, if one is due.
    pub fn hello(&mut self, nonce: u64, at: Moment, now: Duration) -> Option<Asked> {
        self.greeting.due(now, at).then(|| {
            let asked = Asked { nonce, at };
            self.greeting.asked(asked, now);
            asked
        })
    }

    /// What to send now; `taken` and `payloads` are the highest seq given and the number of payloads held.
    pub fn want(&self, taken: u64, payloads: u64) -> Want {
        match self.window.want() {
            Want::New { after, .. } if taken <= after || payloads == 0 => Want::Nothing,
            Want::New { after, count } => Want::New { after, count: count.min(FETCH_MAX) },
            want => want,
        }
    }

    /// A payload was handed to the connection. Returns whether it was sent before.
    pub fn sent(&mut self, seq: u64, now: Duration) -> bool {
        self.window.sent(seq, now)
    }

    /// A payload that was wanted again is no longer held.
    pub fn gone(&mut self, seq: u64) {
        self.window.gone(seq);
    }

    /// Reads an ack. What it answers goes to the spool and then to [`Talk::heard`]; the ids go to the spool, and the seqs
    /// that it freed to [`Talk::settled`].
    pub fn told(&mut self, ack: &Ack) -> Told {
        let ids = ack.ids.iter().filter_map(|id| id.as_slice().try_into().ok().map(PayloadId)).collect();
        Told { answers: self.greeting.answer(ack.re), ids }
    }

    /// Another worker of ingest hears this agent now ([`Ack::resend`]): what has no ack is sent again, or the hello is.
    pub fn asked_again(&mut self, now: Duration) {
        self.window.asked(now);
        self.greeting.invited(now);
    }

    /// What the answer was worth. Returns whether sending may begin now.
    pub fn heard(&mut self, heard: Heard, asked: Asked, now: Duration) -> bool {
        self.greeting.heard(heard, asked, now);
        let begins = !self.window.is_open();
        if begins {
            self.window.greeted();
        }
        begins
    }

    /// The spool freed these seqs.
    pub fn settled(&mut self, seqs: &[u64], now: Duration) {
        seqs.iter().for_each(|seq| self.window.settled(*seq, now));
    }

    /// Whether only steady time keeps the next hello from being due, and until when.
    pub fn hello_waits_for(&self, now: Duration, at: Moment) -> Option<Duration> {
        let (hello_at, hello_steady) = self.greeting.next();
        (now >= hello_at && !self.greeting.due(now, at)).then_some(hello_steady)
    }

    /// The next time at which something is due without an event.
    pub fn next(&self, now: Duration) -> Option<Duration> {
        let hello = Some(self.greeting.next().0).filter(|at| *at > now);
        [self.window.next_overdue(), hello].into_iter().flatten().min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Boot;

    const PACE: Pace = Pace { min: Duration::from_secs(10), max: Duration::from_secs(600) };
    const AT: Moment = Moment { boot: Boot(1), steady_ms: 5_000, wall_ms: 0 };

    fn greeted(talk: &mut Talk) {
        let asked = talk.hello(7, AT, Duration::ZERO).unwrap();
        let told = talk.told(&Ack { re: Some(7), ..Ack::default() });
        assert_eq!(told.answers, Some(asked));
        assert!(talk.heard(Heard::Learned, asked, Duration::ZERO));
    }

    #[test]
    fn nothing_is_sent_on_a_connection_before_ingest_answered_on_it() {
        let mut talk = Talk::new(PACE, 1, Duration::ZERO);
        talk.connected(Duration::ZERO);
        assert_eq!(talk.want(9, 9), Want::Nothing);
        greeted(&mut talk);
        assert_eq!(talk.want(9, 9), Want::New { after: 0, count: FETCH_MAX });
        talk.sent(1, Duration::ZERO);
        talk.disconnected(Duration::ZERO);
        talk.connected(Duration::ZERO);
        assert_eq!(talk.want(9, 9), Want::Nothing, "an answer of an earlier connection does not count");
        greeted(&mut talk);
        assert_eq!(talk.want(9, 9), Want::Again(1));
    }

    #[test]
    fn an_empty_spool_is_not_asked_and_a_new_epoch_starts_over() {
        let mut talk = Talk::new(PACE, 1, Duration::ZERO);
        talk.connected(Duration::ZERO);
        greeted(&mut talk);
        assert_eq!(talk.want(0, 0), Want::Nothing);
        talk.sent(5, Duration::ZERO);
        talk.settled(&[5], Duration::ZERO);
        assert_eq!(talk.want(5, 1), Want::Nothing, "everything given was sent");
        assert!(talk.hello(8, AT, Duration::ZERO).is_none());
        talk.in_epoch(2, Duration::ZERO);
        assert_eq!(talk.want(5, 1), Want::New { after: 0, count: FETCH_MAX });
        assert!(talk.hello(8, AT, Duration::ZERO).is_some(), "an empty spool does not know the time");
    }
}
