//! A page that somebody visits while a connector without a token runs on the same machine.

use std::time::{Duration, Instant};

use black_box::World;
use serde_json::{Value, json};

use crate::trigger::browser::{Browser, DESK, serve};

/// All that a page can send anywhere without asking first, and some of what it would have to ask for. `window.pending` is what
/// has no answer yet, `window.seen` the answers that the page may see.
const PAGE: &str = r#"<!doctype html>
<iframe name="forms"></iframe>
<script>
window.seen = []; window.pending = [];
const send = (url, init) => {
  const name = `${url} ${init.mode} ${init.body?.type}`;
  window.pending.push(name);
  fetch(url, {method: 'POST', ...init})
    .then(answer => { if (answer.type !== 'opaque') window.seen.push(`${url}: ${answer.status}`); }, () => {})
    .finally(() => window.pending.splice(window.pending.indexOf(name), 1));
};
const body = JSON.stringify({streams: ['users'], full_refresh: true});
// Failures are answered one after the other: few of each.
for (const url of SLOW) send(url, {mode: 'no-cors', body: new Blob(['{"secrets": {"auth_token": ""}}'], {type: 'text/plain'})});
for (const url of ADDRESSES) {
  send(url, {mode: 'no-cors'});
  for (const type of ['', 'text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x'])
    send(url, {mode: 'no-cors', body: new Blob([body], {type})});
  send(url, {mode: 'no-cors', credentials: 'include', body: new URLSearchParams({streams: 'users'})});
  send(url, {headers: {'Content-Type': 'application/json'}, body});
  send(url, {headers: {'X-Gitlab-Token': '', 'Content-Type': 'application/json'}, body});
  navigator.sendBeacon(url, body);
  navigator.sendBeacon(url, new Blob([body], {type: 'text/plain'}));
  for (const enctype of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data']) {
    const form = document.createElement('form');
    Object.assign(form, {method: 'post', action: url, enctype, target: 'forms'});
    form.innerHTML = `<input name='{"full_refresh": true, "source": "' value='"}'>`;
    document.body.append(form);
    form.submit();
  }
}
</script>"#;

#[test]
fn a_hostile_page_in_a_browser_cannot_make_the_connector_do_anything() {
    let world = World::new("hostile_page", &["--seed", "82", "--merge-requests", "20"]);
    let connector = world.connector(&[]);
    let asked = || world.gitlab.stats().expect("statistics")["requests"]["total"].clone();
    // By its address, and by names that lead to it, as DNS rebinding makes one.
    let names = ["127.0.0.1", "localhost", "evil.localhost"];
    let urls: Vec<_> = names
        .iter()
        .map(|name| connector.url.replace("127.0.0.1", name))
        .collect();
    let slow = ["/fivetran", "/webhook"].map(|path| format!("{}{path}", connector.url));
    let page = PAGE
        .replace("ADDRESSES", &json!(urls).to_string())
        .replace("SLOW", &json!(slow).to_string());
    let mut browser = Browser::start();
    browser.show(&serve(&page), DESK);
    wait_for(&mut browser, "window.pending", &json!([]));
    assert_eq!(browser.ask("window.seen"), json!([]), "the page has seen answers");

    // A page that came under the rebound name is of the same origin: it may send JSON, and sees what is answered.
    browser.show(&urls[2], DESK);
    browser.ask(
        "window.answers = [];
         for (const path of ['/', '/fivetran', '/webhook'])
           fetch(path, {method: 'POST', headers: {'Content-Type': 'application/json'}, body: '{}'})
             .then(answer => answer.json()).then(answer => window.answers.push(answer.code));
         0",
    );
    wait_for(&mut browser, "window.answers.length", &json!(3));
    let mut answers: Vec<Value> = serde_json::from_value(browser.ask("window.answers")).expect("codes");
    answers.sort_by_key(Value::to_string);
    assert_eq!(answers, ["may_be_a_page", "unauthorized", "unauthorized"]);

    // What came of all that had its answer by now.
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(asked(), 0, "a page has made the connector ask GitLab");
    assert_eq!(world.sync(&connector)["status"], "success");
    assert_ne!(asked(), 0);
}

fn wait_for(browser: &mut Browser, expression: &str, expected: &Value) {
    let begun = Instant::now();
    loop {
        let value = browser.ask(expression);
        if value == *expected {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{expression} is {value}");
        std::thread::sleep(Duration::from_millis(200));
    }
}
