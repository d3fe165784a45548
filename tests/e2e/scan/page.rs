//! The page, in a real browser without a window.

use std::process::Command;

use cuferry_testkit::lacking;

use super::{project, scan};
use crate::project::{TestProject, find};

/// What a browser makes of a page, and what it says about it; none: there is no browser.
fn browse(project: &TestProject, page: &str) -> Option<(String, String)> {
    let Some(browser) = ["chromium", "chromium-browser", "google-chrome"].into_iter().find_map(find) else {
        lacking("there is no chromium (Debian: chromium)");
        return None;
    };
    let output = Command::new(browser)
        // As root, and in a container, its sandbox does not start.
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"])
        .args(["--enable-logging=stderr", "--virtual-time-budget=5000", "--dump-dom"])
        .arg(format!("--user-data-dir={}", project.path("browser").display()))
        .arg(format!("file://{}", project.path(page).display()))
        .env("HOME", project.path("home"))
        .output()
        .expect("it is there");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Some((text(&output.stdout), text(&output.stderr)))
}

/// What the page itself was told off for: scripts refused, resources missing, errors.
fn complaints(log: &str) -> Vec<&str> {
    log.lines().filter(|line| line.contains("CONSOLE")).collect()
}

#[test]
fn a_browser_shows_every_section() {
    let project = project();
    scan(&project, &["--format", "html", "--output", "../scan.html"]).expect(1);
    let page = std::fs::read_to_string(project.path("scan.html")).expect("it was written");
    assert!(!page.contains("http://") && !page.contains("https://"), "the page needs no network");
    let Some((dom, log)) = browse(&project, "scan.html") else { return };
    assert_eq!(complaints(&log), Vec::<&str>::new());
    for section in ["summary", "charts", "rules", "findings", "explanations"] {
        assert!(dom.contains(&format!("<h2 id=\"{section}\"")), "{section}");
    }
    // The script ran: it shows the filter, and counts.
    assert!(dom.contains(">showing 5 of 5</output>"), "{dom}");
    assert!(!dom.contains("class=\"filter\" hidden"), "{dom}");
    assert!(dom.contains("<rect class=\"warning\""), "{dom}");
    assert!(dom.contains("<mark>acme_spin</mark>(2);"), "{dom}");
    assert!(dom.contains("<article class=\"why\" id=\"ACME1\""), "{dom}");
}

/// What comes from files is text and nothing else, even if it tries.
#[test]
fn hostile_names_and_sources_stay_text() {
    let attack = "<script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\">";
    let project = project()
        .file(
            "<script>document.title='taken'<\\script>/\"><svg onload=alert(1)>.c",
            &format!("int f(void) {{ return acme_spin(1); }} // {attack}\n// ]]></style></script>{attack}\n"),
        )
        .file(
            "'&quot;.c",
            &format!("const char *a = \"{}\"; int b = acme_spin(2);", attack.replace('"', "\\\"")),
        );
    scan(&project, &["--format", "html", "--output", "../scan.html"]).expect(1);
    let page = std::fs::read_to_string(project.path("scan.html")).expect("it was written");
    assert_eq!(page.matches("<script").count(), 1, "only the page's own");
    assert!(!page.contains("<img") && !page.contains("<svg onload"), "{page}");
    assert_eq!(page.matches("</style>").count(), 1);
    let Some((dom, log)) = browse(&project, "scan.html") else { return };
    assert_eq!(complaints(&log), Vec::<&str>::new());
    assert!(dom.contains("<title>From ARM to x86_64: what was found</title>"), "{dom}");
    assert!(dom.contains(">showing 7 of 7</output>"), "{dom}");
}

#[test]
fn an_empty_project_has_a_page_too() {
    let project = super::with_rules();
    scan(&project, &["--format", "html", "--output", "../scan.html"]).expect(0);
    let Some((dom, log)) = browse(&project, "scan.html") else { return };
    assert_eq!(complaints(&log), Vec::<&str>::new());
    assert!(dom.contains("Nothing was found that stops the move."), "{dom}");
}
