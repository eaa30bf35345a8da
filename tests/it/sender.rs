//! Agents without printers: they send forged payloads as an agent does, in a window, again when asked or after a silence, and
//! measure how long each took from its first publish to its ack.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use broker_config::pki::Validity;
use bytes::Bytes;
use rumqttc::{AsyncClient, Event, Packet, QoS};
use schemas::id::{AgentCn, PayloadId};
use schemas::limits::WINDOW_MAX;
use schemas::topic::{Topic, filter};
use schemas::wire::{self, Ack, Frozen};
use testbed::world::World;
use testbed::world::mqtt::Client;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Whoever hears nothing for this long sends everything again.
const SILENCE: Duration = Duration::from_secs(3);

pub(crate) struct Sender {
    pub(crate) cn: AgentCn,
    client: AsyncClient,
    acks: mpsc::UnboundedReceiver<Ack>,
    /// Payloads settled so far.
    pub(crate) settled: Arc<AtomicUsize>,
}

impl Sender {
    /// Connects with a certificate of its own and says that it is there.
    pub(crate) async fn connect(world: &World, cn: &str) -> Result<Self> {
        let cn: AgentCn = cn.parse()?;
        let folder = world.dir.join(cn.as_str());
        let paths = world.pki.issue_agent(&cn, Validity::days(90)?)?.write(&folder, "agent", false)?;
        let mut client = Client::connect(&paths, cn.as_str(), world.broker_port).await?;
        ensure!(client.subscribe(&filter::down_all(&cn)).await?, "an agent may hear what it is told");
        let online = wire::encode_status(&wire::Status { online: true, session: 1, version: String::new() })?;
        client.client.publish(Topic::status(&cn).to_string(), QoS::AtLeastOnce, true, online).await?;
        #[expect(clippy::disallowed_methods, reason = "bounded by what the test sends")]
        let (tell, acks) = mpsc::unbounded_channel();
        let Client { client, mut events } = client;
        tokio::spawn(async move {
            while let Ok(event) = events.poll().await {
                if let Event::Incoming(Packet::Publish(publish)) = event
                    && let Ok(ack) = wire::decode_ack(&publish.payload)
                    && tell.send(ack).is_err()
                {
                    return;
                }
            }
        });
        Ok(Self { cn, client, acks, settled: Arc::default() })
    }

    /// Sends all payloads, one every `pace` or as fast as the window allows; the times from publish to ack.
    pub(crate) async fn deliver(mut self, payloads: Vec<Frozen>, pace: Duration) -> Result<Vec<Duration>> {
        let mut waiting: std::collections::VecDeque<Frozen> = payloads.into();
        let mut sent: BTreeMap<PayloadId, (Bytes, Instant)> = BTreeMap::new();
        let mut took = Vec::new();
        let mut due = Instant::now();
        while !(waiting.is_empty() && sent.is_empty()) {
            let may_send = !waiting.is_empty() && sent.len() < WINDOW_MAX;
            tokio::select! {
                () = tokio::time::sleep_until(due), if may_send => {
                    let Some(Frozen { id, bytes }) = waiting.pop_front() else { continue };
                    let bytes = Bytes::from(bytes);
                    sent.insert(id, (bytes.clone(), Instant::now()));
                    self.publish(bytes).await?;
                    due += pace;
                }
                ack = self.acks.recv() => {
                    let ack = ack.with_context(|| format!("{} lost its connection", self.cn))?;
                    for id in ack.ids.iter().filter_map(|id| id.as_slice().try_into().ok().map(PayloadId)) {
                        if let Some((_, at)) = sent.remove(&id) {
                            took.push(at.elapsed());
                            self.settled.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                    if ack.resend {
                        self.again(&sent).await?;
                    }
                }
                () = tokio::time::sleep(SILENCE), if !sent.is_empty() => self.again(&sent).await?,
            }
        }
        Ok(took)
    }

    async fn again(&self, sent: &BTreeMap<PayloadId, (Bytes, Instant)>) -> Result<()> {
        for (bytes, _) in sent.values() {
            self.publish(bytes.clone()).await?;
        }
        Ok(())
    }

    async fn publish(&self, bytes: Bytes) -> Result<()> {
        Ok(self.client.publish_bytes(Topic::up(&self.cn).to_string(), QoS::AtLeastOnce, false, bytes).await?)
    }
}

/// The share `percent` of the times does not exceed this.
pub(crate) fn percentile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort_unstable();
    times.get((times.len() * percent / 100).min(times.len().saturating_sub(1))).copied().unwrap_or_default()
}
