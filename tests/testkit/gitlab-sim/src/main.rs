//! `gitlab-sim`: a GitLab that answers from generated data, for tests, demos and benchmarks.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use gitlab_sim::data::Version;
use gitlab_sim::generate::Sizes;
use gitlab_sim::instant::{self, HOUR};
use gitlab_sim::journal::Journal;
use gitlab_sim::server::{self, State};

/// A GitLab that answers from generated data. Same seed, sizes and anchor: same data.
#[derive(Parser)]
#[command(name = "gitlab-sim", version)]
struct Arguments {
    /// Port to listen on; 0 picks a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Address to listen on
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    host: IpAddr,
    #[arg(long, default_value_t = 42)]
    seed: u64,
    #[arg(long, default_value_t = 12)]
    projects: u32,
    /// Merge requests that the token may see; hidden ones come on top: one in a hundred, and 120 in a row
    #[arg(long, default_value_t = 2000)]
    merge_requests: u32,
    /// No merge request is hidden from the token
    #[arg(long)]
    all_visible: bool,
    /// The version of GitLab to play: 15.0 lacks the newer fields of the GraphQL schema
    #[arg(long, value_enum, default_value_t = Schema::New)]
    schema: Schema,
    /// How far back the data goes
    #[arg(long, default_value_t = 18)]
    months: u32,
    #[arg(long, value_enum, default_value_t = Edition::Ee)]
    edition: Edition,
    /// Nothing in the data is newer than this RFC 3339 time; by default the current hour
    #[arg(long, value_parser = |text: &str| instant::parse(text).ok_or("not an RFC 3339 time"))]
    anchor: Option<i64>,
    /// So many deployments to production, of a history whose truth is at /_sim/delivery; a third as many as merge requests do
    #[arg(long, default_value_t = 0)]
    deployments: u32,
    /// File that remembers data and changes: a restart with it goes on where the last one ended,
    /// and its sizes win over the arguments
    #[arg(long)]
    journal: Option<PathBuf>,
    /// Requests a minute before GitLab answers 429; 0 for no limit
    #[arg(long, default_value_t = 2000)]
    rate_limit: u64,
    /// An access token that is let in; may be given several times
    #[arg(long, default_value = "glpat-simulated")]
    token: Vec<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Edition {
    Ee,
    #[value(alias = "foss")]
    Ce,
}

#[derive(Clone, Copy, ValueEnum)]
enum Schema {
    #[value(name = "15.0")]
    Old,
    #[value(name = "19.2")]
    New,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("gitlab-sim: {problem}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), String> {
    let stop = stop().map_err(|e| e.to_string())?;
    let now = instant::now();
    let sizes = Sizes {
        seed: arguments.seed,
        projects: arguments.projects,
        merge_requests: arguments.merge_requests,
        months: arguments.months,
        hidden_percent: if arguments.all_visible { 0.0 } else { 1.0 },
        // Longer than a page, so that some page comes out empty with more to come.
        hidden_run: if arguments.merge_requests >= 200 && !arguments.all_visible {
            120
        } else {
            0
        },
        enterprise: matches!(arguments.edition, Edition::Ee),
        deployments: arguments.deployments,
        anchor: arguments.anchor.unwrap_or(now - now.rem_euclid(HOUR)),
    };
    let (journal, mut world) = match &arguments.journal {
        Some(path) => Journal::open(path, &sizes)?,
        None => Journal::none(&sizes),
    };
    world.version = match arguments.schema {
        Schema::Old => Version::Old,
        Schema::New => Version::New,
    };
    let listener = tokio::net::TcpListener::bind((arguments.host, arguments.port))
        .await
        .map_err(|e| format!("can't listen on {}:{}: {e}", arguments.host, arguments.port))?;
    let address = listener.local_addr().map_err(|e| e.to_string())?;
    println!("listening on http://{address}");
    let state = State::new(world, journal, arguments.token, arguments.rate_limit);
    tokio::select! {
        never = server::serve(listener, state) => match never {},
        () = stop => Ok(()),
    }
}

/// Completes at SIGTERM or Ctrl-C, from now on. Nothing is drained: whoever stops a simulator wants it gone.
fn stop() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
