//! Which statements of a script change data.

/// What begins a statement that writes rows. Making or dropping an empty table is quick.
const CHANGES: [&str; 5] = ["INSERT", "UPDATE", "DELETE", "MERGE", "TRUNCATE"];

/// How many statements of `sql` change data; a table that is made from a query counts.
pub fn changes(sql: &str) -> u32 {
    let bare = without_texts(sql);
    let count = bare.split(';').filter(|statement| changes_data(statement)).count();
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn changes_data(statement: &str) -> bool {
    let mut words = statement.split_whitespace().map(str::to_ascii_uppercase);
    match words.next().as_deref() {
        Some("CREATE") => {
            let rest: Vec<String> = words.collect();
            let is_table = rest.iter().take(4).any(|word| word == "TABLE");
            is_table && rest.iter().any(|word| word == "AS")
        }
        Some(first) => CHANGES.contains(&first),
        None => false,
    }
}

/// The script without its comments and with empty literals.
fn without_texts(sql: &str) -> String {
    let mut bare = String::with_capacity(sql.len());
    let mut rest = sql;
    while let Some(letter) = rest.chars().next() {
        let length = match letter {
            '\'' | '"' | '`' => quoted(rest, letter),
            '#' => line(rest),
            '-' if rest.starts_with("--") => line(rest),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            _ => {
                bare.push(letter);
                rest = &rest[letter.len_utf8()..];
                continue;
            }
        };
        // A name stays a word.
        bare.push_str(if matches!(letter, '\'' | '"' | '`') { "_" } else { " " });
        rest = &rest[length..];
    }
    bare
}

fn line(text: &str) -> usize {
    text.find('\n').unwrap_or(text.len())
}

/// The length of a literal, its quotes included.
fn quoted(text: &str, quote: char) -> usize {
    let triple = quote.to_string().repeat(3);
    let mark = if quote != '`' && text.starts_with(&triple) {
        triple
    } else {
        quote.to_string()
    };
    let mut at = mark.len();
    while at < text.len() {
        if text[at..].starts_with(&mark) {
            return at + mark.len();
        }
        let mut letters = text[at..].chars();
        let skipped = letters.next().map_or(1, char::len_utf8);
        at += skipped
            + if text[at..].starts_with('\\') {
                letters.next().map_or(0, char::len_utf8)
            } else {
                0
            };
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transaction_of_merges_is_several_changes() {
        let sql = "BEGIN TRANSACTION; MERGE a USING b ON x WHEN MATCHED THEN DELETE; merge c using d on y;\nCOMMIT TRANSACTION; DROP TABLE e; SELECT 1";
        assert_eq!(changes(sql), 2);
        assert_eq!(changes("SELECT 1"), 0);
        assert_eq!(changes("create or replace view `a` as select 1"), 0);
        assert_eq!(changes("create or replace table `a` partition by x as (select 1)"), 1);
        assert_eq!(changes("CREATE TABLE a (x INT64)"), 0);
    }

    #[test]
    fn what_texts_and_comments_hold_is_no_statement() {
        assert_eq!(
            changes("SELECT 'a; MERGE b' -- ; INSERT\n, \"it\\\"; DELETE c\" /* ; UPDATE x */ FROM `p; DELETE d`"),
            0
        );
        assert_eq!(
            changes("SELECT '''it's; MERGE x''' ; DELETE FROM t WHERE ö = 'ü\\'; MERGE y'"),
            1
        );
        assert_eq!(changes("/* {\"app\": \"dbt\"} */\n\ninsert into a select ';'"), 1);
    }
}
