//! A lease, and the statements on the table of leases.

use std::time::Duration;

use super::text::{LEASE_LOST, literal};

/// A lease that was acquired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    pub(in crate::warehouse) name: String,
    pub(in crate::warehouse) holder: String,
    pub(in crate::warehouse) ttl: Duration,
}

/// Acquires the lease if nobody holds it. One row tells who holds it then.
pub(in crate::warehouse) fn acquire_script(leases: &str, lease: &Lease) -> String {
    format!(
        "{}SELECT {} FROM {leases} L WHERE L.name = {}",
        acquire(leases, lease),
        HELD,
        literal(&lease.name)
    )
}

/// The same; if it is ours, there is a row for each cursor, or one without if there is none.
pub(in crate::warehouse) fn acquire_and_read_script(leases: &str, cursors: &str, lease: &Lease) -> String {
    format!(
        "{}SELECT {}, C.stream, C.scope, C.cursor FROM {leases} L LEFT JOIN {cursors} C ON L.holder = {} WHERE L.name = {}",
        acquire(leases, lease),
        HELD,
        literal(&lease.holder),
        literal(&lease.name)
    )
}

const HELD: &str = "L.holder, TIMESTAMP_DIFF(CURRENT_TIMESTAMP(), L.acquired_at, SECOND) AS age_s, TIMESTAMP_DIFF(L.expires_at, CURRENT_TIMESTAMP(), SECOND) AS left_s";

/// Two MERGEs on one table can't both be committed, so of two callers one waits and then finds it held.
fn acquire(leases: &str, lease: &Lease) -> String {
    let (name, holder) = (literal(&lease.name), literal(&lease.holder));
    let seconds = lease.ttl.as_secs();
    format!(
        "BEGIN TRANSACTION;\n\
         MERGE {leases} T USING (SELECT {name} AS name, {holder} AS holder, CURRENT_TIMESTAMP() AS now) S ON T.name = S.name\n\
         WHEN MATCHED AND T.expires_at <= S.now THEN UPDATE SET holder = S.holder, acquired_at = S.now, expires_at = TIMESTAMP_ADD(S.now, INTERVAL {seconds} SECOND)\n\
         WHEN NOT MATCHED THEN INSERT (name, holder, acquired_at, expires_at) VALUES (S.name, S.holder, S.now, TIMESTAMP_ADD(S.now, INTERVAL {seconds} SECOND));\n\
         COMMIT TRANSACTION;\n"
    )
}

/// Gives the lease back. It has no holder then: a renewal that BigQuery gets to only afterwards finds nothing to prolong.
pub(in crate::warehouse) fn release_script(leases: &str, lease: &Lease) -> String {
    update(leases, lease, "holder = '', expires_at = CURRENT_TIMESTAMP()")
}

pub(in crate::warehouse) fn renew_script(leases: &str, lease: &Lease) -> String {
    let until = format!(
        "expires_at = TIMESTAMP_ADD(CURRENT_TIMESTAMP(), INTERVAL {} SECOND)",
        lease.ttl.as_secs()
    );
    format!("{};\n{}", update(leases, lease, &until), ours(leases, lease))
}

/// Changes the lease if it is ours.
fn update(leases: &str, lease: &Lease, set: &str) -> String {
    format!(
        "UPDATE {leases} SET {set} WHERE name = {} AND holder = {}",
        literal(&lease.name),
        literal(&lease.holder)
    )
}

/// Selects one row if the lease is ours, else none.
fn ours(leases: &str, lease: &Lease) -> String {
    let (name, holder) = (literal(&lease.name), literal(&lease.holder));
    format!("SELECT holder FROM {leases} WHERE name = {name} AND holder = {holder}")
}

/// Fails the transaction if another one has taken the lease.
pub(super) fn expect_lease(leases: &str, lease: &Lease) -> String {
    format!(
        "SELECT IF(COUNT(*) = 1, 1, ERROR('{LEASE_LOST}')) FROM {leases} WHERE name = {} AND holder = {};\n",
        literal(&lease.name),
        literal(&lease.holder)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease() -> Lease {
        Lease {
            name: "sync".into(),
            holder: "h".into(),
            ttl: Duration::from_secs(60),
        }
    }

    #[test]
    fn a_renewal_prolongs_only_our_own_lease_and_tells_whether_it_is() {
        let script = renew_script("`l`", &lease());
        let (update, select) = script.split_once(";\n").expect("two statements");
        let ours = "WHERE name = 'sync' AND holder = 'h'";
        assert!(
            update.contains("INTERVAL 60 SECOND") && update.ends_with(ours),
            "{update}"
        );
        assert!(
            select.starts_with("SELECT holder FROM `l`") && select.ends_with(ours),
            "{select}"
        );
    }

    #[test]
    fn a_lease_that_is_given_back_has_no_holder_that_a_late_renewal_could_find() {
        assert_eq!(
            release_script("`l`", &lease()),
            "UPDATE `l` SET holder = '', expires_at = CURRENT_TIMESTAMP() WHERE name = 'sync' AND holder = 'h'"
        );
    }
}
