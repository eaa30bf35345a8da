//! `analytics supplies`.

use std::fs::File;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use service::exit::{Exit, Failure, OrExit};

use super::Surroundings;
use super::forecast::{failed, tenants};
use super::output::{exit_of, failed as unread, print, print_json, read, warn};
use crate::billing::calendar::Instant;
use crate::command::supplies::{Plan, Wish, plan};
use crate::command::supply_orders::{self, Confirmation, OrderError};
use crate::limits::RULES_BYTES_MAX;
use crate::report::supplies as table;
use crate::supplies::order::State;
use crate::supplies::rules::Rules;

const EXAMPLES: &str = "Examples:
  analytics supplies --config analytics.toml --tenant acme              # what to ship by when
  analytics supplies --config analytics.toml --keep --csv > ship.csv    # daily: proposals are kept, seen cartridges close orders
  analytics supplies orders --config analytics.toml --tenant acme
  analytics supplies ship --config analytics.toml --tenant acme --note 'parcel 7' 5f0c...
  analytics supplies import --config analytics.toml --tenant acme confirmed.csv     # order,state[,source][,note]
  analytics supplies stock --config analytics.toml --tenant acme counted.csv        # site,model,supply,count

Rules (TOML; the last that fits decides each number; default: lead 5 days, review 7 days):
  [[rule]]
  contract = \"C-17\"      # also tenant, site, model, device, supply
  lead_days = 3
  review_days = 14
  [[rule]]
  supply = \"waste\"
  ship = false           # listed, never proposed";

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Option<Action>,
    /// Only this tenant
    #[arg(long)]
    tenant: Option<String>,
    /// As seen at this instant; default: now
    #[arg(long, value_name = "INSTANT")]
    as_of: Option<Instant>,
    /// Lead times and review intervals; default: that of [supplies] in the configuration
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
    /// Supplies that need nothing, too
    #[arg(long)]
    all: bool,
    /// Keep proposals, and close orders whose cartridge was seen
    #[arg(long)]
    keep: bool,
    /// Print JSON
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// Print what to ship as CSV
    #[arg(long)]
    csv: bool,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Orders and their changes
    Orders {
        #[arg(long)]
        tenant: String,
        /// Those that are over, too
        #[arg(long)]
        all: bool,
        /// Print JSON
        #[arg(long, conflicts_with = "csv")]
        json: bool,
        /// Print CSV
        #[arg(long)]
        csv: bool,
    },
    /// These were ordered
    Order(Named),
    /// These are on their way
    Ship(Named),
    /// These will not come
    Cancel(Named),
    /// Confirmations from CSV: order,state and if you like source,note
    Import(Source),
    /// Counts of cartridges at sites from CSV: site,model,supply,count and if you like source,note
    Stock(Source),
}

#[derive(Debug, Args)]
struct Named {
    #[arg(long)]
    tenant: String,
    #[arg(long, default_value = "")]
    note: String,
    #[arg(required = true)]
    orders: Vec<String>,
}

#[derive(Debug, Args)]
struct Source {
    #[arg(long)]
    tenant: String,
    file: PathBuf,
}

impl Arguments {
    pub(super) async fn run(self, around: &Surroundings) -> Result<Exit, Failure> {
        match self.action {
            None => self.plan(around).await,
            Some(Action::Orders { tenant, all, json, csv }) => {
                let store = around.store.tenant(&tenant).or_exit(Exit::Config)?;
                let (mut orders, problems) = supply_orders::all(&store).await.map_err(unread)?;
                problems.iter().for_each(|problem| warn(problem));
                orders.retain(|order| all || order.state.open());
                if json {
                    return print_json(&orders);
                }
                print(if csv { table::orders_csv(&orders) } else { table::orders(&orders) }.as_bytes())
            }
            Some(Action::Order(named)) => confirm(around, named, State::Ordered).await,
            Some(Action::Ship(named)) => confirm(around, named, State::Shipped).await,
            Some(Action::Cancel(named)) => confirm(around, named, State::Cancelled).await,
            Some(Action::Import(source)) => {
                let name = source.file.display().to_string();
                let said = supply_orders::confirmations(&name, open(&source.file)?).map_err(refused)?;
                let store = around.store.tenant(&source.tenant).or_exit(Exit::Config)?;
                let now = around.instant(None).await?;
                let count = supply_orders::confirm(&store, said, now).await.map_err(refused)?;
                print(format!("{count} changes taken in from {name}\n").as_bytes())
            }
            Some(Action::Stock(source)) => {
                let name = source.file.display().to_string();
                let store = around.store.tenant(&source.tenant).or_exit(Exit::Config)?;
                let now = around.instant(None).await?;
                let count = supply_orders::stock(&store, &name, open(&source.file)?, now).await.map_err(refused)?;
                print(format!("{count} counts taken in from {name}\n").as_bytes())
            }
        }
    }

    async fn plan(self, around: &Surroundings) -> Result<Exit, Failure> {
        let ground = crate::command::forecast::ground(&around.config.forecast).or_exit(Exit::Config)?;
        let path = self.rules.unwrap_or_else(|| around.config.forecast.rules.clone());
        let rules = if path.as_os_str().is_empty() {
            Rules::default()
        } else {
            Rules::parse(&path, &read(&path, RULES_BYTES_MAX)?).or_exit(Exit::Config)?
        };
        let as_of = around.instant(self.as_of).await?;
        let mut whole = Plan { as_of: as_of.to_string(), ..Plan::default() };
        for tenant in tenants(around, self.tenant).await? {
            let store = around.store.tenant(&tenant).or_exit(Exit::Config)?;
            let wish = Wish { ground: &ground, rules: &rules, as_of, all: self.all, keep: self.keep };
            whole.add(plan(&store, &wish).await.map_err(failed)?);
        }
        whole.problems.iter().for_each(|problem| warn(problem));
        if self.json {
            return print_json(&whole);
        }
        print(if self.csv { table::plan_csv(&whole) } else { table::plan(&whole) }.as_bytes())
    }
}

async fn confirm(around: &Surroundings, named: Named, state: State) -> Result<Exit, Failure> {
    let store = around.store.tenant(&named.tenant).or_exit(Exit::Config)?;
    let now = around.instant(None).await?;
    let said = named.orders.into_iter().map(|order| Confirmation {
        order,
        state,
        source: String::new(),
        note: named.note.clone(),
    });
    let count = supply_orders::confirm(&store, said.collect(), now).await.map_err(refused)?;
    print(format!("{count} orders are now {state}\n").as_bytes())
}

fn open(path: &Path) -> Result<File, Failure> {
    File::open(path).map_err(|error| format!("read {}: {error}", path.display())).or_exit(Exit::Config)
}

fn refused(error: OrderError) -> Failure {
    let exit = match &error {
        OrderError::Line { .. } | OrderError::TooLong { .. } | OrderError::Unknown(_) => Exit::Config,
        OrderError::State { .. } => Exit::Failed,
        OrderError::Read(error) => exit_of(error),
        OrderError::Write(_) => Exit::Unavailable,
    };
    Failure::new(exit, error)
}
