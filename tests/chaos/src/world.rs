//! One round's own GitLab, datasets and functions.

use gitlab_sim::random::Random;
use local_stack::{Failed, Gitlab};
use serde_json::json;

use crate::callers;
use crate::checks::memory::Watch;
use crate::checks::{cursors, equal};
use crate::families::Round;
use crate::ground::Ground;
use crate::programs::{self, Addresses, Function, GITLAB_TOKEN};
use crate::tally::Tally;

/// Syncs that may be tried until all is well.
const HEALING: usize = 8;
/// Complete ones that may be needed: the first ends what others had begun.
const COMPLETE: usize = 2;

/// What a round breaks.
pub struct World {
    /// Its GitLab.
    pub gitlab: Gitlab,
    /// Its dataset of raw tables.
    pub raw: String,
    /// Its dataset of marts.
    pub marts: String,
    /// Its connector.
    pub connector: Function,
    name: String,
    streams: &'static str,
    through: Addresses,
    started: u32,
}

impl World {
    /// A small GitLab and a connector that reaches its warehouse at `through`.
    ///
    /// # Errors
    /// If they do not come up.
    pub fn start(round: &mut Round, through: Addresses) -> Result<Self, Failed> {
        Self::with(round, "", through)
    }

    /// The same, with these streams beside the usual ones.
    ///
    /// # Errors
    /// If they do not come up.
    pub fn with(round: &mut Round, streams: &'static str, through: Addresses) -> Result<Self, Failed> {
        let seed = round.random.below(1 << 30).to_string();
        let merge_requests = (20 + round.random.below(25)).to_string();
        let arguments = [
            "--seed",
            &seed,
            "--projects",
            "3",
            "--merge-requests",
            &merge_requests,
            "--months",
            "2",
            "--rate-limit",
            "0",
            "--token",
            GITLAB_TOKEN,
        ];
        let gitlab = Gitlab::start(&arguments, &round.ground.log("gitlab"))?;
        let (raw, marts) = (format!("raw_{}", round.name), format!("marts_{}", round.name));
        let connector = programs::connector(&gitlab.url, &raw, streams, &through, &round.ground.log("connector"))?;
        Ok(Self {
            gitlab,
            raw,
            marts,
            connector,
            name: round.name.clone(),
            streams,
            through,
            started: 0,
        })
    }

    /// Another connector for the same tables.
    ///
    /// # Errors
    /// If it does not come up.
    pub fn another_connector(&self, ground: &Ground) -> Result<Function, Failed> {
        programs::connector(
            &self.gitlab.url,
            &self.raw,
            self.streams,
            &self.through,
            &ground.log("connector"),
        )
    }

    /// A dbt-trigger for its datasets.
    ///
    /// # Errors
    /// If it does not come up.
    pub fn trigger(&mut self, ground: &Ground) -> Result<Function, Failed> {
        self.started += 1;
        let state = ground.folder(&format!("dbt-{}-{}", self.name, self.started));
        programs::trigger(&self.raw, &self.marts, &state, &self.through, &ground.log("trigger"))
    }

    /// Ends the lease of a sync that was killed.
    ///
    /// # Errors
    /// If the warehouse refuses.
    pub fn end_lease(&self, ground: &Ground) -> Result<(), Failed> {
        let expire = format!(
            "UPDATE {}._leases SET expires_at = TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 1 SECOND) WHERE TRUE",
            self.raw
        );
        match ground.warehouse.query(&expire) {
            // Killed so early that there is no table yet.
            Err(problem) if !problem.to_lowercase().contains("not found") => Err(problem),
            _ => Ok(()),
        }
    }

    /// Syncs until all is well: raw tables equal GitLab after two complete syncs at most. After answers that look
    /// well and are wrong, everything is read `anew`: no client can know that a value should have been another one.
    ///
    /// # Errors
    /// If it does not become well.
    pub fn heal(&self, ground: &Ground, tally: &Tally, anew: bool) -> Result<(), Failed> {
        let (mut good, mut last) = (0, String::new());
        for attempt in 0..HEALING {
            self.end_lease(ground)?;
            let body = json!({"source": "chaos", "reconcile": true, "confirm_deletions": true, "full_refresh": anew && attempt == 0});
            let answer = callers::sync(tally, &self.connector.url, &body, false)?;
            let (status, answer) = answer.unwrap_or_default();
            if status != 200 || answer["status"] != "success" || answer["complete"] == false {
                last = format!("syncs still do not succeed: {status} {answer:#}");
                continue;
            }
            good += 1;
            match equal::all(self, ground, tally) {
                Ok(()) => return cursors::behind_data(self, ground, tally),
                Err(difference) if good == COMPLETE => return Err(difference),
                Err(difference) => last = difference,
            }
        }
        Err(format!("nothing misbehaves any more, and {last}"))
    }

    /// Begins to watch the connector's memory.
    pub fn watch(&self) -> Watch {
        Watch::begin("gitlab-connector", self.connector.process.id())
    }
}

/// A seed for something below.
pub fn seed(random: &mut Random) -> u64 {
    random.below(1 << 40)
}
