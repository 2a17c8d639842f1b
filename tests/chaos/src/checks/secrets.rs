//! Tokens are canaries: none may be in a log, an answer, or a file that a function leaves.

use std::path::Path;

use local_stack::Failed;

use crate::programs::CANARIES;

/// Looks through all files below a folder, but for the warehouse's own.
///
/// # Errors
/// The first file with a token in it.
pub fn none_in(folder: &Path) -> Result<(), Failed> {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        // Whoever is being stopped removes files meanwhile.
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() && path.file_name().is_some_and(|name| name != "warehouse") {
            none_in(&path)?;
        } else if kind.is_file() {
            let text = std::fs::read(&path).unwrap_or_default();
            none_within(&path.display().to_string(), &String::from_utf8_lossy(&text))?;
        }
    }
    Ok(())
}

/// Looks through a text; `place` tells where it is from.
///
/// # Errors
/// If there is a token in it, which the error shortens.
pub fn none_within(place: &str, text: &str) -> Result<(), Failed> {
    match CANARIES.iter().find(|canary| text.contains(**canary)) {
        Some(canary) => Err(format!("the secret {}… is in {place}", &canary[..10])),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_in_a_file_is_found() {
        let folder = std::env::temp_dir().join(format!("chaos-secrets-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("logs")).expect("a folder");
        std::fs::write(folder.join("logs/a.log"), "all is well").expect("a file");
        assert_eq!(none_in(&folder), Ok(()));
        std::fs::write(folder.join("logs/b.log"), format!("Bearer {} \u{fffd}", CANARIES[1])).expect("a file");
        let found = none_in(&folder).expect_err("it is there");
        assert!(found.contains("b.log") && !found.contains(CANARIES[1]), "{found}");
        std::fs::remove_dir_all(folder).expect("removed");
    }
}
