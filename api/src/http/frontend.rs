//! The built front end, from a folder that the settings name. It comes from the same origin as the API, so that no other
//! site has a say and no CORS header is needed.

use std::{collections::BTreeSet, io, path::Path, sync::Arc};

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header},
    response::{IntoResponse as _, Response},
};
use tower_http::services::ServeDir;

use crate::http::problem::{Kind, Problem};

/// Every page is this file; which one is shown, the front end decides by the path.
pub const PAGE: &str = "/index.html";

/// The same with the first page painted already, for whoever begins there.
pub const FIRST_PAGE: &str = "/welcome.html";

/// What the build puts here carries a hash of its content in its name.
const ASSETS: &str = "/assets/";

/// Pages that have the address of an operation: the steps of a sign-up.
const PAGES: [&str; 1] = ["signup"];

/// The files of a build. Beside a file there may be `.br` and `.gz` of it.
#[derive(Clone, Debug)]
pub struct Frontend {
    files: ServeDir,
    /// What the paths of the API begin with: there is no page below.
    api: Arc<BTreeSet<String>>,
}

impl Frontend {
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        let files = ServeDir::new(folder).append_index_html_on_directories(false);
        Self { files: files.precompressed_br().precompressed_gzip(), api: Arc::default() }
    }

    /// Beside an API with these paths. Who looks for something below them, also with a browser, shall read that it is not there.
    #[must_use]
    pub fn beside<'a>(self, paths: impl IntoIterator<Item = &'a str>) -> Self {
        let begins = paths.into_iter().map(first_segment).filter(|first| !PAGES.contains(first));
        // Where people look for an API.
        Self { api: Arc::new(begins.chain(["api"]).map(str::to_owned).collect()), ..self }
    }

    /// A file, or the page for whoever navigates to some place inside the front end.
    pub async fn serve(self, request: Request) -> Response {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return nothing_here();
        }
        let is_asset = request.uri().path().starts_with(ASSETS);
        let is_of_api = self.api.contains(first_segment(request.uri().path()));
        // Whoever tries the address itself finds the page, with a program too.
        let asks_for_page = navigates(request.headers()) || request.uri().path() == "/";
        let page = if request.uri().path() == "/" { FIRST_PAGE } else { PAGE };
        let page = (asks_for_page && !is_asset && !is_of_api).then(|| asking_for(page, &request));
        let mut response = self.file(request).await;
        if response.status() == StatusCode::NOT_FOUND {
            let Some(page) = page else { return nothing_here() };
            response = self.file(page).await;
        }
        if response.status().is_success() || response.status() == StatusCode::NOT_MODIFIED {
            // The page names the assets of one build, so it is asked for anew each time.
            let keep = if is_asset { "public, max-age=31536000, immutable" } else { "no-cache" };
            response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
        }
        response
    }

    async fn file(&self, request: Request) -> Response {
        match self.files.clone().try_call(request).await {
            Ok(response) => response.map(Body::new),
            Err(error) if is_not_there(&error) => StatusCode::NOT_FOUND.into_response(),
            Err(error) => {
                tracing::error!(%error, "a file of the front end cannot be read");
                Problem::internal().into_response()
            }
        }
    }
}

/// Also of a name or a path that is longer than the system has any.
fn is_not_there(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidFilename, NotADirectory, NotFound, PermissionDenied};
    matches!(error.kind(), NotFound | NotADirectory | PermissionDenied | InvalidFilename)
}

fn first_segment(path: &str) -> &str {
    path.split('/').nth(1).unwrap_or_default()
}

/// Where nothing is.
#[must_use]
pub fn nothing_here() -> Response {
    Problem::new(Kind::NotFound, "Nothing is served at this path.").into_response()
}

/// A browser asks for a page; programs ask for JSON or for anything, and shall read that nothing is here.
#[must_use]
pub fn navigates(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    accepted.is_some_and(|types| types.split(',').any(|kind| kind.trim_start().starts_with("text/html")))
}

/// The same request for another file.
fn asking_for(file: &'static str, request: &Request) -> Request {
    let mut page = Request::new(Body::empty());
    page.method_mut().clone_from(request.method());
    page.headers_mut().clone_from(request.headers());
    *page.uri_mut() = Uri::from_static(file);
    page
}

#[cfg(test)]
mod tests {
    use std::fs;

    use axum::{Router, body::to_bytes};
    use tower::ServiceExt as _;

    use super::*;

    const HTML: &str = "text/html,application/xhtml+xml,*/*;q=0.8";

    struct Built {
        router: Router,
        _folder: tempfile::TempDir,
    }

    fn built() -> Built {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("assets")).unwrap();
        for (name, text) in [
            ("index.html", "<!doctype html>the page"),
            ("welcome.html", "<!doctype html>the first page"),
            ("favicon.svg", "<svg/>"),
            ("assets/app-1a2b.js", "the script"),
            ("assets/app-1a2b.js.br", "the script, small"),
        ] {
            fs::write(at(name), text).unwrap();
        }
        let paths = ["/organization/{org_id}", "/login", "/signup/database-name"];
        let router = router(Frontend::new(folder.path()).beside(paths));
        Built { router, _folder: folder }
    }

    fn router(frontend: Frontend) -> Router {
        Router::new().fallback(move |request| frontend.clone().serve(request))
    }

    async fn ask(built: &Built, method: Method, path: &str, headers: &[(header::HeaderName, &str)]) -> Response {
        let mut request = axum::http::Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        built.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
    }

    async fn text(response: Response) -> String {
        String::from_utf8(to_bytes(response.into_body(), 1 << 20).await.unwrap().to_vec()).unwrap()
    }

    #[tokio::test]
    async fn every_place_inside_the_front_end_is_the_page_and_never_kept() {
        let built = built();
        for path in ["/signup/plan", "/app/patients/pat_1?tab=notes", "/reset-password"] {
            let response = ask(&built, Method::GET, path, &[(header::ACCEPT, HTML)]).await;
            assert_eq!(response.status(), StatusCode::OK, "{path}");
            assert_eq!(response.headers()[header::CACHE_CONTROL], "no-cache", "{path}");
            assert_eq!(response.headers()[header::CONTENT_TYPE], "text/html", "{path}");
            assert_eq!(text(response).await, "<!doctype html>the page", "{path}");
        }
        for accepted in [HTML, "*/*"] {
            let first = ask(&built, Method::GET, "/", &[(header::ACCEPT, accepted)]).await;
            assert_eq!(first.headers()[header::CACHE_CONTROL], "no-cache");
            assert_eq!(text(first).await, "<!doctype html>the first page");
        }
    }

    #[tokio::test]
    async fn an_asset_is_kept_for_good_and_sent_small_to_who_can_read_it() {
        let built = built();
        let asset = "/assets/app-1a2b.js";
        let response = ask(&built, Method::GET, asset, &[]).await;
        assert_eq!(response.headers()[header::CACHE_CONTROL], "public, max-age=31536000, immutable");
        assert_eq!(text(response).await, "the script");
        let response = ask(&built, Method::GET, asset, &[(header::ACCEPT_ENCODING, "gzip, br")]).await;
        assert_eq!(response.headers()[header::CONTENT_ENCODING], "br");
        assert_eq!(response.headers()[header::CONTENT_TYPE], "text/javascript");
        assert_eq!(text(response).await, "the script, small");
        let response = ask(&built, Method::GET, "/favicon.svg", &[]).await;
        assert_eq!(response.headers()[header::CACHE_CONTROL], "no-cache");
    }

    #[tokio::test]
    async fn what_is_not_there_is_a_problem_for_programs_and_for_assets() {
        let built = built();
        for (method, path, accept) in [
            (Method::GET, "/nothing", "application/json"),
            (Method::GET, "/nothing", "*/*"),
            (Method::GET, "/favicon.svg/nothing", "*/*"),
            (Method::GET, "/assets/gone.js", HTML),
            (Method::GET, "/assets/../../etc/passwd", "*/*"),
            (Method::POST, "/", HTML),
            (Method::GET, "/organization/org_1/nothing", HTML),
            (Method::GET, "/login/nothing", HTML),
            (Method::GET, "/api/nothing", HTML),
        ] {
            let response = ask(&built, method, path, &[(header::ACCEPT, accept)]).await;
            assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
            assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json", "{path}");
        }
    }

    #[tokio::test]
    async fn a_path_that_no_file_can_have_is_as_any_other() {
        let built = built();
        for path in [format!("/{}", "a".repeat(253)), format!("/{}", "%61".repeat(256)), "/a".repeat(4096)] {
            let with = |accept| [(header::ACCEPT, accept), (header::ACCEPT_ENCODING, "br")];
            let response = ask(&built, Method::GET, &path, &with("*/*")).await;
            assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
            let response = ask(&built, Method::GET, &path, &with(HTML)).await;
            assert_eq!(text(response).await, "<!doctype html>the page", "{path}");
        }
    }
}
