//! What the rounds of a family stand on: a warehouse, and proxies before it.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use local_stack::{Failed, Warehouse, free_port};

use crate::programs::Addresses;
use crate::proxy::Proxies;

/// A warehouse that may be killed and comes back with its data on the same ports.
pub struct Ground {
    /// The warehouse itself; checks go there, past the proxies.
    pub warehouse: Warehouse,
    /// What stands between it and the functions.
    pub proxies: Proxies,
    ports: (u16, u16),
    folder: PathBuf,
    started: AtomicU32,
}

impl Ground {
    /// Starts a warehouse with nothing in it, below `folder`.
    ///
    /// # Errors
    /// If it does not come up.
    pub fn start(folder: &Path) -> Result<Self, Failed> {
        let ports = (free_port()?, free_port()?);
        let data = folder.join("warehouse");
        let _ = std::fs::remove_dir_all(&data);
        let started = AtomicU32::new(0);
        let mut warehouse = Warehouse::start_on(ports, &data, &log_in(folder, "warehouse", &started))?;
        warehouse.wait()?;
        Ok(Self {
            proxies: Proxies::start(ports)?,
            warehouse,
            ports,
            folder: folder.to_owned(),
            started,
        })
    }

    /// A folder for what a program keeps.
    pub fn folder(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// A log that no other process writes to.
    pub fn log(&self, program: &str) -> PathBuf {
        log_in(&self.folder, program, &self.started)
    }

    /// The warehouse itself.
    pub fn direct(&self) -> Addresses {
        Addresses {
            rest: self.warehouse.rest.clone(),
            storage: self.warehouse.storage.clone(),
        }
    }

    /// Starts the warehouse again that was killed.
    ///
    /// # Errors
    /// If it does not come up.
    pub fn restart(&mut self) -> Result<(), Failed> {
        self.warehouse.process.kill();
        let log = self.log("warehouse");
        self.warehouse = Warehouse::start_on(self.ports, &self.folder.join("warehouse"), &log)?;
        self.warehouse.wait()
    }
}

fn log_in(folder: &Path, program: &str, started: &AtomicU32) -> PathBuf {
    let number = started.fetch_add(1, Ordering::Relaxed);
    folder.join("logs").join(format!("{number:04}-{program}.log"))
}
