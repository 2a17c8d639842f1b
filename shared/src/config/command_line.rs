//! The few arguments a function takes: everything else comes from the environment.

use std::process::ExitCode;

use super::Env;

/// What `--help` and `--version` say about a function.
#[derive(Debug, Clone, Copy)]
pub struct Program {
    /// The binary's name.
    pub name: &'static str,
    /// Its version; `env!("CARGO_PKG_VERSION")`.
    pub version: &'static str,
    /// One or two sentences on what it does.
    pub about: &'static str,
}

/// Exit status for a wrong command line or configuration, as shells and `clap` have it.
const USAGE: u8 = 2;

/// Reads the configuration of this process, or answers `--help`, `--version` and `--print-config`.
///
/// Warnings and problems go to standard error, one line each. Secrets that live in Secret Manager are
/// fetched, so this needs a `tokio` runtime; `--print-config` fetches none.
///
/// # Errors
/// The status to end the process with: 0 after an answer, 2 after a problem.
pub async fn load<T>(program: Program, read: impl FnOnce(&mut Env) -> T) -> Result<T, ExitCode> {
    Ok(load_or(program, None, read).await?.0)
}

/// Like [`load`], for a function that knows one more argument. Tells whether it was given.
///
/// # Errors
/// As [`load`].
pub async fn load_or<T>(
    program: Program,
    extra: Option<&str>,
    read: impl FnOnce(&mut Env) -> T,
) -> Result<(T, bool), ExitCode> {
    let Program { name, version, about } = program;
    let mut env = Env::from_process();
    env.add_file();
    let config = read(&mut env);
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => {}
        ["--help" | "-h"] => {
            println!(
                "{name} {version}\n{about}\n\nUsage: {name} [--help | --version | --print-config{}]\n\n\
                 Settings come from environment variables:\n\n{}",
                extra.map_or_else(String::new, |extra| format!(" | {extra}")),
                env.help_table()
            );
            return Err(ExitCode::SUCCESS);
        }
        ["--version" | "-V"] => {
            println!("{name} {version}");
            return Err(ExitCode::SUCCESS);
        }
        ["--print-config" | "config"] => print!("{}", env.value_table()),
        [argument] if extra == Some(argument) => {}
        _ => {
            eprintln!("{name}: takes no such arguments; try {name} --help");
            return Err(ExitCode::from(USAGE));
        }
    }
    for warning in env.warnings() {
        eprintln!("{name}: warning: {} {}", warning.variable, warning.message);
    }
    if let Err(problems) = env.finish() {
        eprintln!("{name}: {problems}\n{name} --help lists every variable.");
        return Err(ExitCode::from(USAGE));
    }
    let given = arguments.first().map(String::as_str);
    if given.is_some() && given != extra {
        return Err(ExitCode::SUCCESS);
    }
    match env.resolve_secrets().await {
        Ok(()) => Ok((config, given.is_some())),
        Err(problems) => {
            eprintln!("{name}: {problems}");
            Err(ExitCode::from(USAGE))
        }
    }
}
