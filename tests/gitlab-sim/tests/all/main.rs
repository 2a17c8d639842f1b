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
mod sim;
mod truth;
