//! The command line of the broker's certificates and rules.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use broker_config::check::{Level, check};
use broker_config::limits::{BROKER_DAYS, CA_DAYS, CRL_DAYS, LEAF_DAYS};
use broker_config::operations::{alerts, catalogue, dashboard};
use broker_config::pki::{Authority, CRL_FILE, Index, Issued, Validity, files};
use broker_config::{mosquitto, rules};
use clap::{CommandFactory, Parser, Subcommand};
use schemas::id::AgentCn;

const EXAMPLES: &str = "Examples:
  broker-config issue ca --dir pki
  broker-config issue broker --dir pki --name mqtt.example.com --name 192.0.2.7 --out certificates
  broker-config issue agent acme.one --dir pki --out certificates
  broker-config issue service ingest1 --dir pki --out certificates
  broker-config revoke acme.one --dir pki
  broker-config check certificates --crl pki/crl.pem
  broker-config mosquitto --dir /etc/mosquitto/platen --pki pki
  broker-config rules
  broker-config dashboards --dir dashboards

Exit codes: 0 done, 1 a check failed, 64 wrong use or input.";

/// Certificates and topic rules of Platen's broker.
#[derive(Debug, Parser)]
#[command(name = "broker-config", version, after_help = EXAMPLES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make an authority, or issue a certificate from one.
    Issue {
        #[command(subcommand)]
        what: What,
    },
    /// Revoke all certificates of a CN, or one serial, and write the list of revoked certificates again.
    Revoke {
        /// A CN (acme.one) or a serial (hexadecimal).
        name: String,
        /// Folder of the authority.
        #[arg(long)]
        dir: PathBuf,
        #[arg(long)]
        json: bool,
    },
    /// Write the list of revoked certificates again, before it is past its next update.
    Crl {
        /// Folder of the authority.
        #[arg(long)]
        dir: PathBuf,
        #[arg(long, default_value_t = CRL_DAYS)]
        days: u32,
    },
    /// Look at certificates and keys; exit 1 if anything is wrong.
    Check {
        /// Files, or folders with *.pem.
        #[arg(required = true)]
        paths: Vec<PathBuf>,
        /// The authority, if it is not ca.pem beside each file.
        #[arg(long)]
        ca: Option<PathBuf>,
        /// The list of revoked certificates, if it is not crl.pem beside each file.
        #[arg(long)]
        crl: Option<PathBuf>,
        #[arg(long)]
        json: bool,
    },
    /// Write mosquitto.conf and acl, which say the same rules to mosquitto.
    Mosquitto {
        /// Where to write; the configuration names its files there.
        #[arg(long)]
        dir: PathBuf,
        /// Folder of the authority, whose services are listed.
        #[arg(long)]
        pki: Option<PathBuf>,
        /// Further services (service.NAME).
        #[arg(long = "service")]
        services: Vec<AgentCn>,
        #[arg(long, default_value_t = 8883)]
        port: u16,
        #[arg(long)]
        force: bool,
    },
    /// Print the topic rules.
    Rules {
        #[arg(long)]
        json: bool,
    },
    /// Write fleet.json (a Grafana dashboard) and alerts.yml (rules for Prometheus).
    Dashboards {
        /// Where to write.
        #[arg(long)]
        dir: PathBuf,
        /// Replace files that exist.
        #[arg(long)]
        force: bool,
    },
    /// Print every metric of every part, with what it tells and what to do.
    Metrics,
    /// Print completions for a shell.
    Completions { shell: clap_complete::Shell },
    /// Print the version.
    Version,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Make the authority itself.
    Ca {
        #[arg(long)]
        dir: PathBuf,
        #[arg(long, default_value = "Platen authority")]
        common_name: String,
        #[arg(long, default_value_t = CA_DAYS)]
        days: u32,
        #[arg(long)]
        force: bool,
    },
    /// A broker's certificate, files broker.pem and broker.key.
    Broker {
        /// A host name or address that clients connect to; several may be given.
        #[arg(long = "name", required = true)]
        names: Vec<String>,
        #[command(flatten)]
        common: Common,
        #[arg(long, default_value_t = BROKER_DAYS)]
        days: u32,
    },
    /// An agent's certificate.
    Agent {
        /// tenant.agent
        cn: AgentCn,
        #[command(flatten)]
        common: Common,
        #[arg(long, default_value_t = LEAF_DAYS)]
        days: u32,
    },
    /// A service's certificate; one per worker.
    Service {
        /// ingest1, portal, canary: without `service.`.
        name: String,
        #[command(flatten)]
        common: Common,
        #[arg(long, default_value_t = LEAF_DAYS)]
        days: u32,
    },
}

#[derive(Debug, clap::Args)]
struct Common {
    /// Folder of the authority.
    #[arg(long)]
    dir: PathBuf,
    /// Folder of the new files.
    #[arg(long, default_value = ".")]
    out: PathBuf,
    /// Replace files that exist.
    #[arg(long)]
    force: bool,
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(code) => code,
        Err(error) => {
            // A closed stderr must not turn an error into a panic.
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::from(64)
        }
    }
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Issue { what } => issue(what)?,
        Command::Revoke { name, dir, json } => {
            let revoked = Authority::open(&dir)?.revoke(&name)?;
            if json {
                print(&serde_json::to_string_pretty(&revoked)?)?;
            } else {
                let list = dir.join(CRL_FILE);
                print(&format!("revoked {} certificate(s); give {} to every broker", revoked.len(), list.display()))?;
            }
        }
        Command::Crl { dir, days } => {
            let until = Validity::days(days)?.not_after;
            let number = Authority::open(&dir)?.renew_crl(until)?;
            print(&format!("wrote list {number}, to be renewed by {}", until.date()))?;
        }
        Command::Check { paths, ca, crl, json } => {
            let now = Validity::days(1)?.not_after.unix_timestamp() - 86_400;
            let findings = check(&paths, ca.as_deref(), crl.as_deref(), now);
            if json {
                print(&serde_json::to_string_pretty(&findings)?)?;
            } else {
                for finding in &findings {
                    let word = match finding.level {
                        Level::Good => "good ",
                        Level::Soon => "soon ",
                        Level::Wrong => "WRONG",
                    };
                    print(&format!("{word} {} {}", finding.file.display(), finding.words))?;
                }
            }
            if findings.iter().any(|finding| finding.level == Level::Wrong) {
                return Ok(ExitCode::from(1));
            }
        }
        Command::Mosquitto { dir, pki, services, port, force } => {
            let mut names = match pki {
                Some(pki) => mosquitto::services(&Index::read(&pki)?),
                None => Vec::new(),
            };
            names.extend(services.iter().map(ToString::to_string));
            names.sort();
            names.dedup();
            write_mosquitto(&dir, &names, port, force)?;
        }
        Command::Rules { json: true } => print(&serde_json::to_string_pretty(&rules::RULES)?)?,
        Command::Rules { json: false } => print(rules::table().trim_end())?,
        Command::Dashboards { dir, force } => {
            let wanted = [("fleet.json", dashboard::dashboard()), ("alerts.yml", alerts::rules())];
            write_new(&dir, wanted, force)?;
            print(&format!("wrote fleet.json and alerts.yml to {}", dir.display()))?;
        }
        Command::Metrics => print(catalogue::table().trim_end())?,
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Arguments::command(), "broker-config", &mut std::io::stdout());
        }
        Command::Version => print(&format!("broker-config {}", env!("CARGO_PKG_VERSION")))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn issue(what: What) -> anyhow::Result<()> {
    match what {
        What::Ca { dir, common_name, days, force } => {
            Authority::create(&dir, &common_name, Validity::days(days)?, force)?;
            print(&format!("made an authority in {}; keep ca.key off the brokers", dir.display()))
        }
        What::Broker { names, common, days } => {
            let issued = Authority::open(&common.dir)?.issue_broker(&names, Validity::days(days)?)?;
            write_issued(&issued, "broker", &common)
        }
        What::Agent { cn, common, days } => {
            let issued = Authority::open(&common.dir)?.issue_agent(&cn, Validity::days(days)?)?;
            write_issued(&issued, cn.as_str(), &common)
        }
        What::Service { name, common, days } => {
            let issued = Authority::open(&common.dir)?.issue_service(&name, Validity::days(days)?)?;
            write_issued(&issued, &issued.cn, &common)
        }
    }
}

fn write_issued(issued: &Issued, name: &str, common: &Common) -> anyhow::Result<()> {
    let paths = issued.write(&common.out, name, common.force)?;
    if common.json {
        let facts = serde_json::json!({
            "cn": issued.cn, "serial": issued.serial, "not_after": issued.not_after.unix_timestamp(), "files": paths,
        });
        return print(&serde_json::to_string_pretty(&facts)?);
    }
    let (certificate, until) = (paths.certificate.display(), issued.not_after.date());
    print(&format!("issued {} until {until}: {certificate} and {}", issued.cn, paths.key.display()))
}

fn write_mosquitto(dir: &std::path::Path, services: &[String], port: u16, force: bool) -> anyhow::Result<()> {
    let absolute = std::path::absolute(dir).context("resolve the folder")?;
    let wanted = [
        ("mosquitto.conf", mosquitto::configuration(&absolute.to_string_lossy(), port)),
        ("acl", mosquitto::acl(services)),
    ];
    write_new(dir, wanted, force)?;
    print(&format!(
        "wrote mosquitto.conf and acl to {} for {} service(s); put ca.pem, crl.pem, broker.pem and broker.key there too",
        dir.display(),
        services.len()
    ))
}

fn write_new(dir: &std::path::Path, wanted: [(&str, String); 2], force: bool) -> anyhow::Result<()> {
    files::make_dir(dir)?;
    for (name, text) in wanted {
        let path = dir.join(name);
        anyhow::ensure!(force || !path.exists(), "{} exists already; choose --force to replace it", path.display());
        files::write(&path, text.as_bytes(), files::PUBLIC_MODE)?;
    }
    Ok(())
}

fn print(text: &str) -> anyhow::Result<()> {
    writeln!(std::io::stdout(), "{text}").context("write to stdout")
}
