//! What passes read: one file for each shape of fetch.

pub mod ancestors;
pub mod backfill;
pub mod changes;
pub mod changes_by_project;
pub mod list_request;
pub mod lookup;
pub mod nodes;
pub mod notes;
pub mod pipelines;
pub mod project_pages;
pub mod projects;
pub mod reconcile;
pub mod rest;
mod rest_list;
mod rest_page;
pub mod scope_ids;
mod shown;
pub mod slices;
pub mod snapshot;
pub mod users;
