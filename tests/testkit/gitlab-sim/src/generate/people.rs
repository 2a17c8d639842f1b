//! Who works there: some forty people, a few bots, the ghost of deleted accounts, one blocked and one idle account.

use super::Sizes;
use crate::data::{User, World};
use crate::instant::{DAY, Instant};
use crate::random::Random;

const NAMES: [&str; 34] = [
    "Amara Okafor",
    "Bjørn Håkonsen",
    "Chen Wei",
    "Dana Levi",
    "Elif Yılmaz",
    "Farid Haddad",
    "Greta Lindqvist",
    "Hiro Tanaka",
    "Inés Núñez",
    "Jonas Becker",
    "Kavya Iyer",
    "Liam O'Brien",
    "Mei Lin",
    "Noah Adeyemi",
    "Olga Petrova",
    "Pedro Alves",
    "Quinn Taylor",
    "Rania Saleh",
    "Sven Maier",
    "Tomáš Dvořák",
    "Uma Krishnan",
    "Viktor Kovács",
    "Wanjiru Kamau",
    "Ximena Rojas",
    "Yusuf Demir",
    "Zoë van Dijk",
    "Łukasz Nowak",
    "王小明",
    "محمد علي",
    "Anna Schmidt",
    "Ben Carter",
    "Carla Rossi",
    "David Kim",
    "Emma Dubois",
];
const BOTS: [(&str, &str); 4] = [
    ("project_301_bot_4f0c2a", "Release token"),
    ("group_51_bot_9be1d7", "Mirror token"),
    ("renovate-bot", "Renovate Bot"),
    ("security-bot", "Security Scanner 🛡️"),
];

pub fn add(world: &mut World, sizes: &Sizes, start: Instant) {
    let mut random = Random::of(sizes.seed, 4, 0);
    let anchor = sizes.anchor;
    for (index, name) in NAMES.into_iter().enumerate() {
        let username = username(name, index);
        let (state, left) = match index {
            29 => ("blocked", true),
            30 => ("deactivated", true),
            _ => ("active", false),
        };
        let seen = anchor - random.below(5) as i64 * DAY - if left { 90 * DAY } else { 0 };
        let joined = start - (30 + random.below(900) as i64) * DAY - random.below(DAY as u64) as i64;
        world.users.add(|id| User {
            id,
            public_email: (index % 3 == 0).then(|| format!("{username}@acme.example")),
            git_name: username.clone(),
            username,
            name: name.to_owned(),
            state,
            bot: false,
            member: !left,
            created_at: joined,
            last_activity_on: Some(seen),
        });
    }
    for (username, name) in BOTS {
        add_special(world, username, name, true, start);
    }
    add_special(world, "ghost", "Ghost User", false, start);
    world.token_user = add_special(world, "mergemind", "MergeMind Connector", true, start);
}

fn add_special(world: &mut World, username: &str, name: &str, bot: bool, start: Instant) -> u64 {
    world.users.add(|id| User {
        id,
        username: username.to_owned(),
        git_name: username.to_owned(),
        name: name.to_owned(),
        public_email: None,
        state: "active",
        bot,
        member: false,
        created_at: start - 400 * DAY,
        last_activity_on: None,
    })
}

fn username(name: &str, index: usize) -> String {
    let plain: String = name
        .to_lowercase()
        .chars()
        .filter_map(|c| match c {
            'a'..='z' => Some(c),
            ' ' => Some('.'),
            _ => None,
        })
        .collect();
    if plain.len() < 4 { format!("user{index}") } else { plain }
}
