//! What a project is, in one text: whatever was built of it says nothing about another one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::config::DbtConfig;

/// What dbt writes, and what it never reads.
const NOT_READ: [&str; 8] = [
    ".git",
    "target",
    "logs",
    "__pycache__",
    ".venv",
    "node_modules",
    "dbt_packages",
    ".user.yml",
];

/// A hash of the project's files, of its target, and of the variables that it is given. Packages count by the file that pins them.
///
/// # Errors
/// If a file can't be read.
pub fn fingerprint(config: &DbtConfig) -> std::io::Result<String> {
    let mut files = BTreeMap::new();
    collect(&config.project_dir, &mut files)?;
    let mut hash = Sha256::new();
    let mut add = |text: &[u8]| {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    };
    for path in files.keys() {
        let name = path.strip_prefix(&config.project_dir).unwrap_or(path);
        add(name.as_os_str().as_encoded_bytes());
        add(&std::fs::read(path)?);
    }
    add(config.target.as_deref().unwrap_or_default().as_bytes());
    for (name, value) in &config.environment {
        add(name.as_bytes());
        add(value.as_bytes());
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

fn collect(folder: &Path, files: &mut BTreeMap<PathBuf, ()>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if NOT_READ.iter().any(|name| entry.file_name() == *name) {
            continue;
        }
        if kind.is_dir() {
            collect(&entry.path(), files)?;
        } else if kind.is_file() {
            files.insert(entry.path(), ());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_dbt_reads_makes_another_project_and_what_it_writes_does_not() {
        let folder = crate::testing::empty_project();
        let (mut config, _dirs) = crate::testing::dbt_config(folder.path());
        let put = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            std::fs::write(path, text).expect("written");
        };
        put("models/a.sql", "select 1");
        let first = fingerprint(&config).expect("readable");
        put("target/manifest.json", "{}");
        put("logs/dbt.log", "x");
        put(".user.yml", "id: x");
        assert_eq!(fingerprint(&config).expect("readable"), first);
        put("models/a.sql", "select 2");
        let second = fingerprint(&config).expect("readable");
        assert_ne!(second, first);
        put("models/b.sql", "");
        let third = fingerprint(&config).expect("readable");
        assert_ne!(third, second);
        config.environment.push(("OPTIONAL_TABLES", "jobs".into()));
        assert_ne!(fingerprint(&config).expect("readable"), third);
        config.project_dir = folder.path().join("nothing");
        assert!(fingerprint(&config).is_err());
    }
}
