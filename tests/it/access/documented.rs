//! `docs/security.md` and the tables of the program are one.

use std::collections::BTreeSet;

use gleitzeit::core::access::Role;
use gleitzeit::http::ROUTES;
use gleitzeit::socket;

const DOCS: &str = include_str!("../../../docs/security.md");

#[test]
fn the_documentation_has_the_table_of_permissions() {
    let rest = ROUTES.iter().filter(|route| route.access.is_guarded()).map(|route| {
        let least = route.access.least().map_or("any key", Role::name);
        format!("| `{} {}` | {least} |", route.verb.name(), route.path)
    });
    let events = socket::permissions();
    let events = events.filter_map(|(event, least)| Some(format!("| `{event}` | {} |", least?.name())));
    let program: BTreeSet<String> = rest.chain(events).collect();
    let table = DOCS.split_once("| operation | least role |\n|---|---|\n").expect("the table").1;
    let documented: BTreeSet<String> =
        table.lines().take_while(|line| line.starts_with('|')).map(str::to_owned).collect();
    let missing: Vec<_> = program.difference(&documented).collect();
    let wrong: Vec<_> = documented.difference(&program).collect();
    assert!(missing.is_empty() && wrong.is_empty(), "missing: {missing:#?}\nwrong: {wrong:#?}");
}

#[test]
fn every_role_and_every_code_is_explained() {
    for role in Role::ALL {
        assert!(DOCS.contains(&format!("| `{}` |", role.name())), "{}", role.name());
    }
    for code in ["GZ4001", "GZ4002", "GZ4010", "GZ4021", "GZ4022", "GZ4023"] {
        assert!(DOCS.contains(code), "{code}");
    }
}

#[test]
fn anybody_may_authenticate_and_nothing_else() {
    let open: Vec<&str> =
        socket::permissions().filter(|(_, least)| least.is_none()).map(|(event, _)| event).collect();
    assert_eq!(open, ["authenticate"]);
}
