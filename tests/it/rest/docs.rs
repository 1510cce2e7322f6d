//! The documentation names every route.

const ROUTER: &str = include_str!("../../../src/http/mod.rs");
const DOCS: &str = include_str!("../../../docs/rest.md");

/// Every route of the router as `GET /path`.
fn routes() -> Vec<String> {
    let mut routes = Vec::new();
    for line in ROUTER.lines() {
        let Some((_, rest)) = line.split_once(".route(\"") else { continue };
        let (path, handlers) = rest.split_once('"').expect("a route has a path");
        for method in ["get", "post", "put", "patch", "delete"] {
            if handlers.contains(&format!("{method}(")) {
                routes.push(format!("{} {path}", method.to_uppercase()));
            }
        }
    }
    routes
}

#[test]
fn every_route_is_documented() {
    let routes = routes();
    assert!(routes.len() > 35, "{routes:?}");
    let silent: Vec<&String> = routes.iter().filter(|route| !DOCS.contains(&format!("`{route}`"))).collect();
    assert!(silent.is_empty(), "docs/rest.md does not name {silent:#?}");
}
