//! What operators look at is really there: every metric that the catalogue names is shown by a part that runs, and no part
//! shows one that the catalogue does not explain.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use broker_config::operations::catalogue::{Kind, PARTS, Part};
use testbed::world::http;
use testbed::world::process::until;

use crate::support::{PATIENCE, Site};

/// Names on `/metrics`, from the lines `# TYPE name kind`; a counter's line is without `_total`.
fn shown(page: &str) -> BTreeSet<&str> {
    page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect()
}

fn named(part: &Part) -> BTreeSet<String> {
    part.metrics.iter().map(|metric| format!("{}_{}", part.prefix, metric.name)).collect()
}

#[tokio::test]
async fn every_part_shows_the_metrics_that_the_operations_page_explains_and_no_others() -> Result<()> {
    let mut site = Site::start(1, 1).await?;
    site.settle().await?;
    until("no poll was committed", PATIENCE, || async {
        site.world.metric(&site.world.ingest_http, "ingest_polls_total").await > Some(0.0)
    })
    .await?;
    for part in &PARTS {
        let address = match part.name {
            "edge-agent" => &site.world.agents[0].http,
            "broker" => &site.world.broker_http,
            "ingest" => &site.world.ingest_http,
            _ => &site.world.clickhouse_http,
        };
        let page = http::get(address, "/metrics").await.with_context(|| part.name.to_owned())?.body;
        let (shown, named) = (shown(&page), named(part));
        let missing: Vec<_> = named.iter().filter(|name| !shown.contains(name.as_str())).collect();
        assert!(missing.is_empty(), "{} does not show {missing:?}; it shows {shown:?}", part.name);
        let unexplained: Vec<_> = shown.iter().filter(|name| !named.contains(**name)).collect();
        assert!(
            unexplained.is_empty(),
            "{unexplained:?} of {} must be explained in broker-config/src/operations/catalogue.rs",
            part.name
        );
        // A series stands there from the start, so that a rule sees its first rise; only its text is asked for here.
        for metric in part.metrics {
            let name = part.full_name(metric);
            let ending = if metric.kind == Kind::Histogram { "_count" } else { "" };
            let series = format!("{name}{ending}");
            let found = page.lines().any(|line| {
                line.strip_prefix(&series).is_some_and(|rest| rest.starts_with(' ') || rest.starts_with('{'))
            });
            assert!(found, "{series} has no series: {page}");
            for label in metric.labels.split(',').filter(|label| !label.is_empty()) {
                let labelled =
                    page.lines().any(|line| line.starts_with(&series) && line.contains(&format!("{label}=\"")));
                assert!(labelled, "{series} has no label {label}");
            }
        }
    }
    Ok(())
}
