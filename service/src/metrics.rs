//! Metrics of one part in Prometheus' text format, all under the part's own prefix.

use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Metric, Registry};

/// The registry of one part. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Arc<Mutex<Registry>>,
}

impl Metrics {
    /// `prefix` is the part's name with underscores; `<prefix>_build_info{version}` is registered at once.
    pub fn new(prefix: &'static str, version: &'static str) -> Self {
        let metrics = Self { registry: Arc::new(Mutex::new(Registry::with_prefix(prefix))) };
        let build: Family<Vec<(String, String)>, Gauge> = Family::default();
        build.get_or_create(&vec![("version".to_owned(), version.to_owned())]).set(1);
        metrics.register("build_info", "the running version", build);
        metrics
    }

    /// Registers a metric under `<prefix>_<name>` (counters get `_total` appended by the encoder).
    pub fn register(&self, name: &str, help: &str, metric: impl Metric) {
        self.lock().register(name, help, metric);
    }

    /// The text exposition.
    pub fn render(&self) -> String {
        let mut text = String::new();
        if encode(&mut text, &self.lock()).is_err() {
            tracing::error!("metrics could not be written");
        }
        text
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prometheus_client::metrics::counter::Counter;

    #[test]
    fn every_metric_carries_the_prefix_of_its_part() {
        let metrics = Metrics::new("ingest", "1.2.3");
        let batches: Counter = Counter::default();
        metrics.register("batches", "batches committed", batches.clone());
        batches.inc();
        let text = metrics.render();
        assert!(text.contains("ingest_batches_total 1"), "{text}");
        assert!(text.contains("ingest_build_info{version=\"1.2.3\"} 1"), "{text}");
    }
}
