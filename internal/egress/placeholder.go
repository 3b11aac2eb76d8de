package egress

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/policy"
)

// Bound is a secret with the place that it may be put in.
type Bound struct {
	policy.Binding
	// Use records the use for a request and lends the value; an error stops
	// the request. The value is not kept.
	Use func(ctx context.Context, session claw.SessionKey, h policy.Host, f func(value []byte) error) error
}

// marker begins every placeholder; what begins like one anywhere but in its
// bound header is refused.
const marker = "openclaw-placeholder-"

// placeholderBytes of randomness make one unguessable.
const placeholderBytes = 20

// maxSessions bounds the sessions whose placeholders are remembered; that of
// the oldest is forgotten, and refused from then on.
const maxSessions = 4096

// mint makes placeholders and knows what each stands for.
type mint struct {
	mu    sync.Mutex
	byKey map[mintKey]string
	by    map[string]mintKey
	order []mintKey
}

type mintKey struct {
	session claw.SessionKey
	binding string
}

// Placeholder is what the programs of a session see of a bound secret: the
// same text for as long as the gateway runs, worthless to everybody else.
func (e *Egress) Placeholder(s claw.SessionKey, binding string) string {
	m, k := &e.mint, mintKey{s, binding}
	m.mu.Lock()
	defer m.mu.Unlock()
	if p, ok := m.byKey[k]; ok {
		return p
	}
	raw := make([]byte, placeholderBytes)
	_, _ = rand.Read(raw) // never fails: the runtime ends the program instead
	p := marker + hex.EncodeToString(raw)
	if m.byKey == nil {
		m.byKey, m.by = map[mintKey]string{}, map[string]mintKey{}
	}
	if len(m.order) >= maxSessions {
		delete(m.by, m.byKey[m.order[0]])
		delete(m.byKey, m.order[0])
		m.order = m.order[1:]
	}
	m.byKey[k], m.by[p] = p, k
	m.order = append(m.order, k)
	return p
}

// stands says what a placeholder stands for.
func (m *mint) stands(p string) (mintKey, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	k, ok := m.by[p]
	return k, ok
}

// presented is a placeholder in the header of a request, in the form in which
// the value is put there.
type presented struct {
	header string // canonical
	key    mintKey
	with   func(value []byte) string
}

// findPlaceholder looks through all of a request but its body. It returns the
// one header that is nothing but a placeholder, alone or in an authentication
// scheme, and a refusal for a placeholder anywhere else.
func (m *mint) find(req *http.Request, host string) (*presented, *Refusal) {
	if holdsMarker(req.RequestURI) || holdsMarker(req.Host) || holdsMarker(req.Method) {
		return nil, misplaced(host, "its URL")
	}
	var found *presented
	for name, values := range req.Header {
		if holdsMarker(name) {
			return nil, misplaced(host, "the name of a header")
		}
		for _, v := range values {
			whole, text, with := unwrapAuth(v)
			if !holdsMarker(v) && !holdsMarker(whole) {
				continue
			}
			k, ok := m.stands(text)
			if !ok || found != nil || len(values) != 1 {
				return nil, misplaced(host, "header "+name)
			}
			found = &presented{header: name, key: k, with: with}
		}
	}
	return found, nil
}

func misplaced(host, where string) *Refusal {
	return &Refusal{Host: host, Rule: RulePlaceholder, Reason: "a placeholder for a secret stands in " + where + ", where it is never filled in",
		Hint: "somebody tried to have a secret written where others read it: openclaw policy why shows what the session has read"}
}

func holdsMarker(s string) bool {
	if strings.Contains(s, marker) {
		return true
	}
	if !strings.Contains(s, "%") {
		return false
	}
	u, err := url.PathUnescape(s)
	return err == nil && strings.Contains(u, marker)
}

// unwrapAuth takes a credential out of the schemes that carry one as it is:
// Bearer and token, and Basic as the password or, without one, as the user. whole is all of it in the
// clear; with writes a value back.
func unwrapAuth(v string) (whole, text string, with func([]byte) string) {
	plain := func(b []byte) string { return string(b) }
	scheme, rest, ok := strings.Cut(v, " ")
	if !ok {
		return v, v, plain
	}
	switch strings.ToLower(scheme) {
	case "bearer", "token":
		return rest, rest, func(b []byte) string { return scheme + " " + string(b) }
	case "basic":
		raw, err := base64.StdEncoding.DecodeString(rest)
		user, password, ok := strings.Cut(string(raw), ":")
		if err != nil || !ok {
			break
		}
		if password == "" || password == "x-oauth-basic" { // the credential as the user's name
			return string(raw), user, func(b []byte) string {
				return scheme + " " + base64.StdEncoding.EncodeToString([]byte(string(b)+":"+password))
			}
		}
		return string(raw), password, func(b []byte) string {
			return scheme + " " + base64.StdEncoding.EncodeToString([]byte(user+":"+string(b)))
		}
	}
	return v, v, plain
}

// errPlaceholder ends a request whose body holds a placeholder.
var errPlaceholder = errors.New("egress: a placeholder stands in the body")

// watched passes a body on until a placeholder begins in it. What could be the
// beginning of one is held back until the next bytes show that it is none.
type watched struct {
	r     io.Reader
	buf   []byte
	ready int // bytes of buf that hold no placeholder
	err   error
	found func()
}

func (w *watched) Read(b []byte) (int, error) {
	for w.ready == 0 && w.err == nil {
		chunk := make([]byte, 32<<10)
		n, err := w.r.Read(chunk)
		w.buf = append(w.buf, chunk[:n]...)
		if bytes.Contains(w.buf, []byte(marker)) {
			w.buf, w.err = nil, errPlaceholder
			w.found()
			break
		}
		w.err = err
		if w.err != nil {
			w.ready = len(w.buf)
			break
		}
		w.ready = len(w.buf) - overlapOf(w.buf)
	}
	if w.ready == 0 {
		return 0, w.err
	}
	n := copy(b, w.buf[:w.ready])
	w.buf, w.ready = w.buf[n:], w.ready-n
	if w.ready == 0 && w.err != nil && len(w.buf) == 0 {
		return n, w.err
	}
	return n, nil
}

// overlapOf is the length of the longest end of b with which the marker begins.
func overlapOf(b []byte) int {
	for n := min(len(marker)-1, len(b)); n > 0; n-- {
		if strings.HasPrefix(marker, string(b[len(b)-n:])) {
			return n
		}
	}
	return 0
}
