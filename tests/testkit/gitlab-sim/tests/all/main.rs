//! The simulator as its clients see it: a real server, spoken to over HTTP.

mod changes;
mod data;
mod faults;
mod graphql;
mod hooks;
mod http;
mod journal;
mod paging;
mod planning;
mod poison;
mod receiver;
mod rest;
mod rest_changes;
mod rest_columns;
mod rest_lists;
mod rest_merge_requests;
mod schema;
mod sim;
mod truth;
