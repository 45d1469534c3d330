//! The commands of `gangway`: arguments, settings, and what each command does.
//!
//! Commands that run a process are put together in [`startup`]; this module only reads
//! what they shall do, says what they did, and ends them on a signal. `demo`, `seed` and `watch` are callers of the
//! API like any other ([`api`]): they speak GraphQL over HTTP, and what they send are the files of `docs/examples`.

use std::{
    collections::BTreeSet,
    env,
    io::{self, Write},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, anyhow};
use clap::{Args, Parser, Subcommand};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tokio_util::sync::CancellationToken;

use crate::{
    auth::development::TokenOrder,
    clock::System,
    config::{self, Config, Flags, LogFormat},
    domain::role::Role,
    graphql,
    ids::ClientId,
    startup,
    telemetry::{self, Metrics},
};

pub mod api;
pub mod demo;
pub mod life;
pub mod local;
mod seed;
mod verify;
mod watch;
mod welcome;

/// Runs a managed service provider's client onboarding and offboarding, and proves it.
#[derive(Debug, Parser)]
#[command(name = "gangway", version, after_long_help = config::help())]
struct Arguments {
    /// A settings file in TOML; the environment wins over it.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<String>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Answers the API, and runs jobs too unless --worker=false. What `gangway` alone does.
    #[command(after_long_help = config::help())]
    Serve(Serve),
    /// Runs jobs.
    #[command(after_long_help = config::help())]
    Worker,
    /// Brings the database up to date.
    Migrate,
    /// Prints the GraphQL schema.
    Schema,
    /// Prints a token of the development issuer.
    Token(Token),
    /// Shows one client's whole life, from prospect to concluded. Needs no services.
    Demo(demo::Demo),
    /// Shows jobs as they run, and ends as the job did: 0 succeeded, 1 failed, 2 cancelled, 3 no connection.
    Watch(watch::Watch),
    /// Fills a new database with plausible clients in every stage, for those who build front ends.
    Seed(seed::Seed),
    /// Checks a certificate or a checkpoint of the log, without any server.
    Verify(verify::Verify),
}

#[derive(Args, Debug, Default)]
struct Serve {
    /// Address and port to listen on.
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// The folder for the embedded database, files and keys.
    #[arg(long, value_name = "DIR")]
    data: Option<String>,
    /// Whether to run jobs too.
    #[arg(long, value_name = "BOOL")]
    worker: Option<bool>,
}

#[derive(Args, Debug)]
struct Token {
    /// What the bearer acts as; may be given more than once.
    #[arg(long, value_name = "ROLE", required = true)]
    role: Vec<String>,
    /// The one client the bearer sees; needed for `CLIENT_CONTACT`.
    #[arg(long, value_name = "ID")]
    client: Option<String>,
    /// How long it counts: 90s, 15m, 1h; up to 24h.
    #[arg(long, default_value = "1h", value_name = "TIME")]
    ttl: String,
    /// Who the bearer is; the first role in lower case when left out.
    #[arg(long, value_name = "NAME")]
    subject: Option<String>,
    /// The folder with the issuer's secret.
    #[arg(long, value_name = "DIR")]
    data: Option<String>,
}

/// What the process ends with when its arguments are wrong: `EX_USAGE` of `sysexits.h`. The customary 2 is what
/// `watch` says of a cancelled job.
const USAGE: u8 = 64;

/// Runs what the arguments ask for.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(said) => {
            drop(said.print());
            // Help and version are said in the same way, and nothing is wrong then.
            return if said.use_stderr() { ExitCode::from(USAGE) } else { ExitCode::SUCCESS };
        }
    };
    run(arguments).unwrap_or_else(|error| {
        drop(writeln!(io::stderr().lock(), "gangway: {error:#}"));
        ExitCode::FAILURE
    })
}

fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let mut flags = Flags::new();
    flags.extend(arguments.config.map(|file| ("GANGWAY_CONFIG", file)));
    let done = match arguments.command.unwrap_or(Command::Serve(Serve::default())) {
        Command::Schema => print(&graphql::sdl()),
        Command::Serve(serve) => {
            flags.extend(serve.listen.map(|listen| ("GANGWAY_LISTEN", listen)));
            flags.extend(serve.data.map(|data| ("GANGWAY_DATA", data)));
            flags.extend(serve.worker.map(|worker| ("GANGWAY_WORKER", worker.to_string())));
            let config = Config::load(&flags)?;
            on_runtime(run_server(config))
        }
        Command::Worker => on_runtime(run_worker(Config::load(&flags)?)),
        Command::Migrate => {
            let config = Config::load(&flags)?;
            on_runtime(async move { startup::migrate(&config).await.map_err(explain) })?;
            print("The database is up to date.\n")
        }
        Command::Token(token) => {
            flags.extend(token.data.clone().map(|data| ("GANGWAY_DATA", data)));
            issue(&Config::load(&flags)?, &token)
        }
        Command::Verify(verify) => print(&verify::run(&verify)?),
        Command::Demo(demo) => on_runtime(demo::run(demo)),
        Command::Watch(watch) => return on_runtime(async { Ok(watch::run(watch).await) }),
        Command::Seed(seed) => {
            flags.extend(seed.data.clone().map(|data| ("GANGWAY_DATA", data)));
            on_runtime(seed::run(Config::load(&flags)?, seed))
        }
    };
    done.map(|()| ExitCode::SUCCESS)
}

fn on_runtime<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
}

async fn run_server(config: Config) -> anyhow::Result<()> {
    let metrics = observe(&config)?;
    let listener = TcpListener::bind(config.server.listen).await;
    let listener = listener.with_context(|| format!("cannot listen on {}", config.server.listen))?;
    let program = env::current_exe().unwrap_or_else(|_unknown| "gangway".into());
    let welcome = welcome::text(&config, &program);
    let process = startup::assemble(config).await.map_err(explain)?;
    stop_on_signal(process.stop.clone())?;
    // Only now is it true: what connects from here on is answered.
    print(&welcome)?;
    process.serve(listener, metrics).await.map_err(explain)
}

async fn run_worker(config: Config) -> anyhow::Result<()> {
    let metrics = observe(&config)?;
    let listener = match config.worker.listen {
        Some(at) => Some(TcpListener::bind(at).await.with_context(|| format!("cannot listen on {at}"))?),
        None => None,
    };
    let process = startup::assemble(config).await.map_err(explain)?;
    stop_on_signal(process.stop.clone())?;
    process.work(listener, metrics).await.map_err(explain)
}

fn observe(config: &Config) -> anyhow::Result<Metrics> {
    let format = match config.log.format {
        LogFormat::Json => telemetry::Format::Json,
        LogFormat::Text => telemetry::Format::Text,
    };
    telemetry::start(format, &config.log.filter)?;
    for warning in &config.warnings {
        tracing::warn!(warning, "a setting is not known");
    }
    Ok(Metrics::start()?)
}

fn stop_on_signal(stop: CancellationToken) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        let name = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        tracing::info!(signal = name, "stopping");
        stop.cancel();
    });
    Ok(())
}

fn issue(config: &Config, token: &Token) -> anyhow::Result<()> {
    let roles = token.role.iter().map(|role| role.parse::<Role>()).collect::<Result<BTreeSet<_>, _>>();
    let known = || Role::ALL.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(", ");
    let order = TokenOrder {
        roles: roles.map_err(|_unknown| anyhow!("--role is one of {}", known()))?,
        client: token.client.as_deref().map(str::parse::<ClientId>).transpose().context("--client is a client's id")?,
        ttl: duration(&token.ttl)?,
        subject: token.subject.clone(),
        name: None,
    };
    let issuer = startup::access::development_issuer(config, Arc::new(System)).map_err(explain)?;
    print(&format!("{}\n", issuer.issue(&order).map_err(explain)?))
}

fn duration(text: &str) -> anyhow::Result<Duration> {
    let (number, unit) = text.split_at(text.len().saturating_sub(1));
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        _ => return Err(anyhow!("--ttl is a number and s, m or h: 15m")),
    };
    let number: u64 = number.parse().context("--ttl is a number and s, m or h: 15m")?;
    Ok(Duration::from_secs(number.saturating_mul(seconds)))
}

/// An error of ours for the person at the keyboard.
fn explain(error: crate::error::Error) -> anyhow::Error {
    match error {
        crate::error::Error::Violation(violation) => {
            let remedy = violation.remedy.map(|remedy| format!(" {remedy}")).unwrap_or_default();
            anyhow!("{}: {}{remedy}", violation.field, violation.message)
        }
        other => anyhow!(other.describe()),
    }
}

fn print(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_help_of_whatever_runs_a_process_names_every_setting() {
        for name in ["serve", "worker"] {
            let mut command = Arguments::command();
            let help = command.find_subcommand_mut(name).unwrap().render_long_help().to_string();
            for setting in config::SETTINGS {
                let line = format!("\n  {} [", setting.variable);
                assert!(help.contains(&line) && help.contains(setting.doc), "{name}: {}", setting.variable);
            }
        }
    }
}
