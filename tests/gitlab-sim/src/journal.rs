//! A file that remembers what a simulator was made from and every change since: its first line holds the
//! sizes, each further line a change with its instant.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::changes::{Change, apply};
use crate::data::World;
use crate::generate::{self, Sizes};
use crate::instant::Instant;

/// Where changes are written down, if anywhere.
pub struct Journal(Option<File>);

#[derive(Serialize, Deserialize)]
struct Entry {
    /// Microseconds since 1970.
    at: Instant,
    change: Change,
}

impl Journal {
    /// A world without a memory.
    pub fn none(sizes: Sizes) -> (Self, World) {
        (Self(None), generate::world(&sizes))
    }

    /// The world of the journal at `path`; a new one of `sizes` if there is no such file.
    pub fn open(path: &Path, sizes: Sizes) -> Result<(Self, World), String> {
        let failed =
            |e: &dyn std::fmt::Display| format!("the journal {}: {e}; remove the file to begin anew", path.display());
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|e| failed(&e))?;
        }
        let lines: Vec<String> = match File::open(path) {
            Ok(file) => BufReader::new(file)
                .lines()
                .collect::<Result<_, _>>()
                .map_err(|e| failed(&e))?,
            Err(_) => Vec::new(),
        };
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .map_err(|e| failed(&e))?;
        let Some((first, changes)) = lines.split_first() else {
            let line = serde_json::to_string(&sizes).map_err(|e| failed(&e))?;
            writeln!(file, "{line}").map_err(|e| failed(&e))?;
            return Ok((Self(Some(file)), generate::world(&sizes)));
        };
        let sizes: Sizes = serde_json::from_str(first).map_err(|e| failed(&e))?;
        let mut world = generate::world(&sizes);
        for line in changes {
            let entry: Entry = serde_json::from_str(line).map_err(|e| failed(&e))?;
            apply(&mut world, &entry.change, entry.at).map_err(|e| failed(&e))?;
        }
        Ok((Self(Some(file)), world))
    }

    /// Writes a change down that has been made.
    pub fn add(&mut self, change: &Change, at: Instant) -> std::io::Result<()> {
        let Some(file) = &mut self.0 else { return Ok(()) };
        let line = serde_json::to_string(&Entry {
            at,
            change: change.clone(),
        })?;
        writeln!(file, "{line}")
    }
}
