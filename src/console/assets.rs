//! The page itself, embedded in the program: no build step, and nothing is loaded from elsewhere.

use axum::{
    Router,
    http::header::{
        CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY,
        X_CONTENT_TYPE_OPTIONS,
    },
    response::IntoResponse,
    routing::get,
};

/// Scripts, styles, images and requests are allowed from this server only.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const IMAGE: &str = "image/svg+xml";

/// Path, content type and content of every file.
const FILES: [(&str, &str, &str); 14] = [
    ("/", HTML, include_str!("web/index.html")),
    ("/assets/style.css", CSS, include_str!("web/style.css")),
    ("/assets/parts.css", CSS, include_str!("web/parts.css")),
    ("/assets/icon.svg", IMAGE, include_str!("web/icon.svg")),
    ("/assets/app.js", SCRIPT, include_str!("web/app.js")),
    ("/assets/api.js", SCRIPT, include_str!("web/api.js")),
    ("/assets/dom.js", SCRIPT, include_str!("web/dom.js")),
    ("/assets/chart.js", SCRIPT, include_str!("web/chart.js")),
    ("/assets/overview.js", SCRIPT, include_str!("web/overview.js")),
    ("/assets/board.js", SCRIPT, include_str!("web/board.js")),
    ("/assets/keys.js", SCRIPT, include_str!("web/keys.js")),
    ("/assets/missing.js", SCRIPT, include_str!("web/missing.js")),
    ("/assets/recent.js", SCRIPT, include_str!("web/recent.js")),
    ("/assets/topics.js", SCRIPT, include_str!("web/topics.js")),
];

/// Returns the routes of the page's files.
pub fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    FILES.into_iter().fold(Router::new(), |router, (path, kind, content)| {
        router.route(path, get(move || file(kind, content)))
    })
}

async fn file(kind: &'static str, content: &'static str) -> impl IntoResponse {
    let headers = [
        (CONTENT_TYPE, kind),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        // A new version's page must not run an old version's scripts.
        (CACHE_CONTROL, "no-cache"),
    ];
    (headers, content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_names_nothing_from_elsewhere() {
        for (path, _, content) in FILES {
            for (at, _) in content.match_indices("://") {
                let address = &content[at.saturating_sub(5)..content.len().min(at + 20)];
                assert!(address.contains("www.w3.org"), "{path} names {address}");
            }
        }
    }

    #[test]
    fn every_file_that_another_one_names_is_served() {
        let served = |name: &str| FILES.iter().any(|(path, _, _)| path.ends_with(name));
        for (path, _, content) in FILES {
            for line in content.lines().filter(|line| line.starts_with("import ")) {
                let name = line.split('"').nth(1).expect("a module is named");
                assert!(served(name.trim_start_matches('.')), "{path} imports {name}");
            }
        }
    }
}
