//! Every route with every key: the table of permissions is what the server does.

use gleitzeit::core::access::Role;
use gleitzeit::http::{ROUTES, Route};
use serde_json::{Value, json};

use super::{Caller, begun, refused};

/// A path that names nothing which exists.
fn path(route: &Route) -> String {
    let parts = route.path.split('/').map(|part| if part.starts_with('{') { "nothing" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

/// Whatever stops the server would end the walk; the permission for it is seen by who is refused.
fn ends_the_server(route: &Route) -> bool {
    route.path.ends_with("/shutdown")
}

/// A stream answers for ever, and a backup is no text.
fn is_stream(route: &Route) -> bool {
    ["/api/v1/events", "/api/v1/store/backup"].contains(&route.path)
}

#[test]
fn every_route_asks_for_a_key_and_for_the_role_of_the_table() {
    let data = tempfile::tempdir().expect("a temporary directory");
    let (server, admin) = begun(data.path());
    let admin = Caller::new(&server, Some(&admin));
    let (nobody, wrong) = (Caller::new(&server, None), Caller::new(&server, Some(&"gzt_x".repeat(9))));
    let roles: Vec<(Role, Caller)> = Role::ALL
        .into_iter()
        .map(|role| (role, Caller::new(&server, Some(&admin.key_of_role(role.name()).1))))
        .collect();
    // A body that would be refused: the key is looked at before it is.
    let malformed = json!({"no such member": [1]});
    let guarded = ROUTES.iter().filter(|route| route.access.is_guarded());
    for (walked, route) in guarded.clone().enumerate() {
        let (method, path) = (route.verb.name(), path(route));
        let what = format!("{method} {path}");
        refused(&nobody.ask(method, &path, &malformed), 401, "GZ4001", &what);
        if walked < 5 {
            refused(&wrong.ask(method, &path, &malformed), 401, "GZ4010", &what);
        }
        for (role, caller) in &roles {
            let allowed = route.is_open_to(*role);
            if !allowed {
                refused(
                    &caller.ask(method, &path, &malformed),
                    403,
                    "GZ4021",
                    &format!("{what} by {role:?}"),
                );
            } else if !ends_the_server(route) && !is_stream(route) {
                let answer = caller.ask(method, &path, &malformed);
                assert!(![401, 403].contains(&answer.status), "{what} by {role:?}: {}", answer.body);
            }
        }
    }
    assert!(guarded.count() > 50, "the table has all routes");
    let stats = admin.get("/api/v1/stats");
    assert_eq!(stats.status, 200, "the server still answers");
}

#[test]
fn what_is_open_needs_no_key_and_everything_else_is_nowhere() {
    let data = tempfile::tempdir().expect("a temporary directory");
    let (server, admin) = begun(data.path());
    let (nobody, admin) = (Caller::new(&server, None), Caller::new(&server, Some(&admin)));
    for open in ["/livez", "/readyz", "/health", "/openapi.json", "/docs", "/", "/dashboard"] {
        assert_eq!(nobody.get(open).status, 200, "{open}");
    }
    // A callback is its own permission; this one is none of the server's.
    let forged = nobody.ask("POST", "/api/v1/callbacks/forged", &json!({"status": "completed"}));
    refused(&forged, 404, "GZ2062", "a forged callback");
    for (method, path) in
        [("PUT", "/api/v1/workflows"), ("DELETE", "/api/v1/stats"), ("POST", "/api/v1/whoami")]
    {
        for caller in [&nobody, &admin] {
            refused(&caller.ask(method, path, &Value::Null), 405, "GZ7007", path);
        }
    }
    refused(&admin.get("/api/v1/nothing"), 404, "GZ7004", "no route");
    let put =
        ureq::put(format!("{}/api/v1/workflows", server.url())).config().http_status_as_error(false).build();
    let allowed = put.send("{}").expect("it is answered").headers()["allow"].clone();
    let mut allowed: Vec<&str> = allowed.to_str().expect("it is text").split(',').collect();
    allowed.sort_unstable();
    assert_eq!(allowed, ["GET", "HEAD", "POST"], "an answer to the wrong method names the right ones");
}
