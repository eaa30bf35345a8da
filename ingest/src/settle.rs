//! The order in which a group is settled: its rows, then their lines in the books, then the agents hear of it, then the
//! broker. Pure: it says what is next, and whoever owns it does that.
//!
//! A crash between any two steps only repeats. Nothing can be told before both inserts were reported as stored.

use schemas::id::{AgentCn, PayloadId};

use crate::acks;
use crate::batch::{Group, Member};
use crate::decode;
use crate::dedupe::Key;
use crate::intake::Command;
use crate::window::Token;

/// What is next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Todo {
    /// Store all rows of the members but their lines in the books.
    Rows,
    /// Store the lines in the books.
    Books,
    /// All is durable: [`Settling::told`].
    Tell,
}

/// A group on its way into the store.
#[derive(Debug, Clone)]
pub struct Settling {
    members: Vec<Member>,
    ids: Vec<(AgentCn, PayloadId)>,
    tokens: Vec<Token>,
    todo: Todo,
}

/// What is to be said once a group is settled.
#[derive(Debug)]
pub struct Told {
    /// For the broker's side, in this order: first the agents, then the broker's own acks.
    pub commands: Vec<Command>,
    /// For the caches.
    pub keys: Vec<Key>,
}

impl Settling {
    pub fn new(group: Group) -> Self {
        let ids = group.members.iter().map(|member| (member.payload.cn.clone(), member.payload.id)).collect();
        let tokens = group.members.iter().map(|member| member.token).collect();
        Self { members: group.members, ids, tokens, todo: Todo::Rows }
    }

    /// Leaves out what another worker has settled already; it is told all the same. Returns how many.
    pub fn leave_out(&mut self, is_settled: impl Fn(&Member) -> bool) -> usize {
        let before = self.members.len();
        self.members.retain(|member| !is_settled(member));
        before - self.members.len()
    }

    /// What is still to be stored.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// The keys of all payloads, stored by us or by another.
    pub fn keys(&self) -> Vec<Key> {
        self.ids.iter().map(|(cn, id)| Key::new(cn, *id)).collect()
    }

    pub fn todo(&self) -> Todo {
        self.todo
    }

    /// What [`Settling::todo`] names is stored.
    pub fn stored(&mut self) {
        self.todo = match self.todo {
            Todo::Rows => Todo::Books,
            Todo::Books | Todo::Tell => Todo::Tell,
        };
    }

    /// The store refuses the rows of this member: its bytes are kept instead, with the reason.
    pub fn refuse(&mut self, at: usize, reason: &str) {
        if let Some(member) = self.members.get_mut(at) {
            member.payload = decode::refused(&member.payload, &member.bytes, reason);
        }
    }

    /// What is to be said now; nothing before all is stored. `now` is the server's time in Unix milliseconds.
    pub fn told(&self, now: i64) -> Option<Told> {
        if self.todo != Todo::Tell {
            return None;
        }
        let messages = acks::settled(self.ids.iter().cloned(), now);
        let release = Command::Release(self.tokens.clone());
        let commands = messages.into_iter().map(Command::Tell).chain([release]).collect();
        Some(Told { commands, keys: self.keys() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use schemas::store::status;
    use schemas::topic::Topic;
    use schemas::wire::decode_ack;

    fn group(payloads: &[&'static [u8]]) -> Group {
        let topic = Topic::up(&"acme.one".parse().unwrap()).to_string();
        let member = |(number, bytes): (usize, &&'static [u8])| Member {
            payload: decode::payload(
                &decode::envelope(&topic, bytes).unwrap(),
                bytes,
                jiff::Timestamp::UNIX_EPOCH,
                "w",
            ),
            bytes: Bytes::from_static(bytes),
            arrived: tokio::time::Instant::now(),
            token: Token { connection: 1, number: number as u64 },
        };
        Group { members: payloads.iter().enumerate().map(member).collect(), ..Group::default() }
    }

    #[test]
    fn nobody_hears_of_a_group_before_its_rows_and_its_lines_in_the_books_are_stored() {
        let mut settling = Settling::new(group(&[b"x", b"y"]));
        assert!(settling.todo() == Todo::Rows && settling.told(0).is_none());
        settling.stored();
        assert!(settling.todo() == Todo::Books && settling.told(0).is_none());
        settling.stored();
        let told = settling.told(7).unwrap();
        let [Command::Tell(message), Command::Release(tokens)] = told.commands.as_slice() else {
            unreachable!("{told:?}")
        };
        let ack = decode_ack(&message.payload).unwrap();
        assert_eq!((ack.ids.len(), ack.now, tokens.len(), told.keys.len()), (2, 7, 2, 2));
    }

    #[test]
    fn what_another_worker_settled_is_not_stored_again_and_told_all_the_same() {
        let mut settling = Settling::new(group(&[b"x", b"y"]));
        let known = PayloadId::of(b"x");
        assert_eq!(settling.leave_out(|member| member.payload.id == known), 1);
        assert_eq!(settling.members().len(), 1);
        settling.stored();
        settling.stored();
        assert_eq!(settling.told(0).unwrap().keys.len(), 2);
    }

    #[test]
    fn a_refused_member_becomes_kept_bytes_with_the_reason() {
        let mut settling = Settling::new(group(&[b"x", b"y"]));
        settling.refuse(1, "the store says no");
        let payload = &settling.members()[1].payload;
        assert_eq!((payload.batch.status, payload.rows.len()), (status::REJECTED, 1));
        assert_eq!(payload.rows.kept[0].payload, b"y");
        settling.refuse(9, "nobody");
    }
}
