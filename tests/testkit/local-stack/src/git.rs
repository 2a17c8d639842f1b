//! Git repositories of tests.

use std::path::Path;
use std::process::Command;

/// Runs git in `directory`, under a name of its own and with `main` as the first branch.
///
/// # Panics
/// If git is not there, or fails.
pub fn git(directory: &Path, args: &[&str]) {
    let own = [
        "-c",
        "user.name=t",
        "-c",
        "user.email=t@example.com",
        "-c",
        "init.defaultBranch=main",
    ];
    let status = Command::new("git").args(own).args(args).current_dir(directory).status();
    assert!(status.expect("git").success(), "{args:?}");
}
