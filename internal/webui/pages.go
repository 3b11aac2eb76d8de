package webui

import "strings"

// Page is one place of the Control UI. Adding a page is one row in Pages, one
// template "page-ID" in templates/ and one module static/ID.js that exports
// mount(root, context).
type Page struct {
	// ID names template and module.
	ID string
	// Title is the word in the navigation.
	Title string
	// Path is the address below Prefix; one more segment may follow when Arg.
	Path string
	Arg  bool
	// Key is the letter after "g" that goes there; empty for none.
	Key string
	// Nav is whether the page is listed in the navigation.
	Nav bool
}

// Pages lists what is built, in the order of the navigation.
func Pages() []Page {
	return []Page{
		{ID: "overview", Title: "Overview", Path: "", Key: "o", Nav: true},
		{ID: "approvals", Title: "Approvals", Path: "approvals", Arg: true, Key: "a", Nav: true},
		{ID: "chat", Title: "Chat", Path: "chat", Arg: true, Key: "c", Nav: true},
		{ID: "sessions", Title: "Sessions", Path: "sessions", Key: "s", Nav: true},
		{ID: "login", Title: "Sign in", Path: "login"},
	}
}

// pageFor finds the page behind a path below Prefix.
func pageFor(rest string) (Page, bool) {
	head, tail, more := strings.Cut(rest, "/")
	for _, p := range Pages() {
		if p.Path != head {
			continue
		}
		if !more || p.Arg && tail != "" {
			return p, true
		}
	}
	return Page{}, false
}
