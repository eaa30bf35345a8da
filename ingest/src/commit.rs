//! Settles groups: does what [`Settling`] says is next, however long the store takes.
//!
//! Nothing is acknowledged while the store does not answer.

use service::backoff::Backoff;
use service::clock::Clock;
use service::health::Health;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::batch::{Group, Member};
use crate::bisect::Bisect;
use crate::config::RetryConfig;
use crate::decode;
use crate::dedupe::Key;
use crate::insert::{Writer, fate};
use crate::intake::Command;
use crate::limits::PING_INTERVAL;
use crate::metrics::{Counters, Fate};
use crate::patience::{Patience, Verdict};
use crate::settle::{Settling, Todo, Told};
use crate::shared::SharedIds;
use crate::store::{Class, Store, StoreError};

pub(crate) struct Committer {
    pub(crate) store: Store,
    pub(crate) writer: Writer,
    pub(crate) shared: Option<SharedIds>,
    pub(crate) retry: RetryConfig,
    pub(crate) clock: Clock,
    pub(crate) health: Health,
    pub(crate) counters: Counters,
    pub(crate) token: CancellationToken,
}

/// The process stops before the store took the group: nobody hears of it, and all of it comes again.
struct Stopped;

impl Committer {
    /// Works until no more groups come.
    pub(crate) async fn run(
        mut self,
        mut groups: mpsc::Receiver<Group>,
        commands: mpsc::Sender<Command>,
        settled: mpsc::Sender<Vec<Key>>,
    ) {
        loop {
            let group = tokio::select! {
                group = groups.recv() => group,
                () = tokio::time::sleep(PING_INTERVAL) => {
                    self.note(self.store.ping().await.err().as_ref());
                    continue;
                }
            };
            let Some(group) = group else { return };
            let Ok(keys) = self.settle(group, &commands).await else {
                tracing::warn!("stopping with a group that the store did not take; nothing of it was acknowledged");
                return;
            };
            // The intake is gone when the process stops.
            let _ = settled.send(keys).await;
        }
    }

    async fn settle(&mut self, group: Group, commands: &mpsc::Sender<Command>) -> Result<Vec<Key>, Stopped> {
        self.counters.group_payloads.observe(f64::from(decode::count(group.members.len())));
        let mut settling = Settling::new(group);
        self.leave_out_known(&mut settling).await;
        let Told { commands: told, keys } = loop {
            match settling.todo() {
                Todo::Rows => self.rows(&mut settling).await?,
                Todo::Books => self.books(settling.members()).await?,
                Todo::Tell => {}
            }
            settling.stored();
            if let Some(told) = settling.told(self.clock.wall().as_millisecond()) {
                break told;
            }
        };
        // Durable from here on: the agents may free their disks.
        self.measure(settling.members());
        self.counters.acks.inc_by(keys.len() as u64);
        for command in told {
            // The subscriber outlives us, except when it panicked; then the agents send again.
            let _ = commands.send(command).await;
        }
        if let Some(shared) = &mut self.shared {
            shared.record(&keys).await;
        }
        Ok(keys)
    }

    /// Leaves out members that another worker has settled. Redis only says where to look: `batches` decides.
    async fn leave_out_known(&mut self, settling: &mut Settling) {
        let Some(shared) = &mut self.shared else { return };
        let hints = shared.hints(&settling.keys()).await;
        let hinted = settling.members().iter().zip(&hints).filter(|(_, hint)| **hint);
        let asked: Vec<_> = hinted
            .map(|(Member { payload, .. }, _)| {
                (payload.cn.as_str(), payload.batch.epoch, payload.batch.seq, payload.id)
            })
            .collect();
        if asked.is_empty() {
            return;
        }
        let Ok(found) = self.store.settled_of(&asked).await else { return };
        let known = settling.leave_out(|Member { payload, .. }| {
            found.iter().any(|row| row.cn == payload.cn.as_str() && row.id == payload.id.0)
        });
        (0..known).for_each(|_| self.counters.payload(Fate::Duplicate));
    }

    /// Inserts all rows, however long it takes; members whose rows the store refuses become kept bytes.
    async fn rows(&self, settling: &mut Settling) -> Result<(), Stopped> {
        let mut backoff = Backoff::new(self.retry.wait_min(), self.retry.wait_max());
        let mut patience = Patience::new(self.retry.unknown());
        loop {
            let payloads: Vec<_> = settling.members().iter().map(|member| &member.payload).collect();
            let Err(error) = self.writer.rows(&payloads).await else {
                self.note(None);
                return Ok(());
            };
            self.failed(&error);
            if patience.failed(error.class(), Instant::now()) == Verdict::Blame {
                match self.blame(settling, error.class()).await {
                    Ok(()) => continue,
                    Err(error) => self.failed(&error),
                }
            }
            self.wait(&mut backoff).await?;
        }
    }

    /// Finds the members whose rows are refused, and keeps their bytes instead; nobody is, if the store takes them all now.
    /// `class` is that of the error which brought us here: an unknown one is believed only after it was waited out.
    async fn blame(&self, settling: &mut Settling, class: Class) -> Result<(), StoreError> {
        let to_wait_for = |error: &StoreError| !Patience::blames(class, error.class());
        let members = settling.members();
        let mut bisect = Bisect::new(members.len());
        let mut reasons: Vec<(usize, String)> = Vec::new();
        if let [only] = members {
            // Asked again for its own words, after which a canary decides.
            match self.writer.rows(&[&only.payload]).await {
                Ok(()) => return Ok(()),
                Err(error) if to_wait_for(&error) => return Err(error),
                Err(error) => reasons.push((0, error.to_string())),
            }
        }
        while let Some(range) = bisect.next() {
            let payloads: Vec<_> = members[range.clone()].iter().map(|member| &member.payload).collect();
            match self.writer.rows(&payloads).await {
                Ok(()) => bisect.report(true),
                Err(error) if to_wait_for(&error) => return Err(error),
                Err(error) => {
                    reasons.push((range.start, error.to_string()));
                    bisect.report(false);
                }
            }
        }
        let refused = bisect.refused();
        if refused.is_empty() {
            return Ok(());
        }
        let canary = self.writer.canary(decode::seconds(self.clock.wall())).await;
        self.counters.canary(canary.is_ok());
        canary?;
        for at in refused {
            let reason = reasons.iter().rev().find(|(start, _)| *start == at).map_or("refused", |(_, reason)| reason);
            let reason = format!("the store refuses its rows: {reason}");
            if let Some(Member { payload, .. }) = settling.members().get(at) {
                tracing::error!(agent = %payload.cn, id = %payload.id, reason, "payload rejected by the store");
            }
            settling.refuse(at, &reason);
        }
        Ok(())
    }

    /// The lines in the books. They hold nothing that a store could refuse for its value, so every error is waited out.
    async fn books(&self, members: &[Member]) -> Result<(), Stopped> {
        let mut backoff = Backoff::new(self.retry.wait_min(), self.retry.wait_max());
        let batches: Vec<_> = members.iter().map(|member| &member.payload.batch).collect();
        while let Err(error) = self.writer.books(&batches).await {
            self.failed(&error);
            self.wait(&mut backoff).await?;
        }
        Ok(())
    }

    fn measure(&self, members: &[Member]) {
        for Member { payload, arrived, .. } in members {
            self.counters.payload(fate(&payload.batch));
            self.counters.polls.inc_by(u64::from(payload.batch.polls));
            self.counters.receive_to_commit_seconds.observe(arrived.elapsed().as_secs_f64());
        }
        self.counters.last_commit_timestamp_seconds.set(self.clock.wall().as_second());
        let newest = members.iter().flat_map(|member| &member.payload.rows.polls).map(|poll| i64::from(poll.ts)).max();
        if let Some(newest) = newest
            && newest > self.counters.newest_poll_timestamp_seconds.get()
        {
            self.counters.newest_poll_timestamp_seconds.set(newest);
        }
    }

    fn failed(&self, error: &StoreError) {
        let class = error.class();
        self.counters.retry(class);
        tracing::warn!(class = class.as_str(), error = %error, "the store did not take a group");
        self.note(Some(error));
    }

    fn note(&self, error: Option<&StoreError>) {
        self.health.set("clickhouse", error.map_or(Ok(()), |error| Err(error.to_string())));
    }

    async fn wait(&self, backoff: &mut Backoff) -> Result<(), Stopped> {
        // A table that was altered meanwhile is described anew.
        self.writer.forget_tables().await;
        tokio::select! {
            () = self.token.cancelled() => Err(Stopped),
            () = tokio::time::sleep(backoff.next_wait()) => Ok(()),
        }
    }
}
