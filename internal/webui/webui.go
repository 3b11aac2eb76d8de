// Package webui serves the Control UI as static frames that hold no data,
// credential or cookie; it refuses every method but GET and HEAD.
//
// Frames come from Go templates, assets are addressed by the hash of their
// content, and everything that a person reads arrives later over the
// gateway's WebSocket, drawn by static/dom.js.
package webui

import (
	"net/http"
	"strings"
	"sync"
)

// Prefix is the path under which Handler must be mounted, unstripped.
const Prefix = "/ui/"

// contentPolicy is the whole of what a frame may load, run or talk to.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; " +
	"font-src 'none'; connect-src 'self'; form-action 'none'; base-uri 'none'; " +
	"frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// Options is what the frames say about the gateway that serves them. All of it
// is visible to whoever can open the port, so it must hold nothing secret.
type Options struct {
	// Host is the name people know the machine by.
	Host string
	// User is the account that the gateway runs as, shown before sign-in.
	User string
	// Version is the gateway's own version.
	Version string
}

// Handler serves everything below Prefix. It does no work before its first
// request. POST /ui/login belongs to the gateway and must be routed there.
func Handler(o Options) http.Handler { return &site{options: o} }

// SetHeaders puts the security headers of a frame on h. The gateway calls it
// for its own answers below Prefix, so that a refusal is framed as strictly as
// a page.
func SetHeaders(h http.Header) {
	h.Set("Content-Security-Policy", contentPolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Cache-Control", "no-store")
}

type site struct {
	options Options

	once  sync.Once
	built content
	err   error
}

// ServeHTTP answers with a frame, an asset, the build id or 404.
func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	SetHeaders(w.Header())
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	if r.URL.Path == strings.TrimSuffix(Prefix, "/") {
		http.Redirect(w, r, Prefix, http.StatusPermanentRedirect)
		return
	}
	s.once.Do(func() { s.built, s.err = build(s.options) })
	if s.err != nil {
		http.Error(w, "BUG(openclaw): the control UI did not build: "+s.err.Error(), http.StatusInternalServerError)
		return
	}
	rest, ok := strings.CutPrefix(r.URL.Path, Prefix)
	if !ok {
		http.NotFound(w, r)
		return
	}
	s.serve(w, r, rest)
}

func (s *site) serve(w http.ResponseWriter, r *http.Request, rest string) {
	if name, ok := strings.CutPrefix(rest, "assets/"); ok {
		hash, file, _ := strings.Cut(name, "/")
		a, found := s.built.assets[file]
		if !found || hash != s.built.hash {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		a.write(w, r)
		return
	}
	if rest == "build" {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write([]byte(s.built.hash)) // the client went away: nothing to do
		return
	}
	page, ok := pageFor(rest)
	if !ok {
		http.NotFound(w, r)
		return
	}
	frame := s.built.frames[page.ID]
	w.Header().Set("Cache-Control", "no-cache")
	frame.write(w, r)
}
