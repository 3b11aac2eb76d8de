package audit

import (
	"fmt"
	"strings"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/json5"
)

// Shorthands for outcomes.

func pass(reason string, args ...any) Outcome {
	return Outcome{Verdict: Pass, Reason: fmt.Sprintf(reason, args...)}
}

func notApplicable(reason string, args ...any) Outcome {
	return Outcome{Verdict: NotApplicable, Reason: fmt.Sprintf(reason, args...)}
}

func unmeasured(reason string, args ...any) Outcome {
	return Outcome{Verdict: Unmeasured, Reason: fmt.Sprintf(reason, args...)}
}

func fail(fs ...Finding) Outcome { return Outcome{Verdict: Fail, Findings: fs} }

// verdict is fail with findings, pass without.
func verdict(fs []Finding, good string, args ...any) Outcome {
	if len(fs) > 0 {
		return fail(fs...)
	}
	return pass(good, args...)
}

// at is the place of a key; the pointer remains when no file sets it.
func at(r claw.ConfigRef) Where {
	return Where{File: r.File, Line: r.Line, Column: r.Column, Pointer: r.Pointer}
}

func posAt(p json5.Pos, pointer string) Where {
	return Where{File: p.File, Line: p.Line, Column: p.Column, Pointer: pointer}
}

func nodeAt(n *json5.Node, pointer string) Where { return posAt(n.Pos, pointer) }

// atFile is a file as a place.
func (s *Subject) atFile(f *File) Where { return Where{File: s.Snapshot.Home.Short(f.Path)} }

// exposed: others than this machine can reach the gateway.
func (s *Subject) exposed() bool {
	g := s.Posture.Gateway
	return !g.Loopback() || g.Tailscale == "serve" || g.Tailscale == "funnel"
}

// ifExposed is critical for an exposed gateway, else warn.
func (s *Subject) ifExposed() claw.Severity {
	if s.exposed() {
		return claw.Critical
	}
	return claw.Warn
}

// secret finds what was seen of a credential.
func (s *Subject) secret(pointer string) (Secret, bool) {
	for _, x := range s.Snapshot.Secrets {
		if x.Pointer == pointer {
			return x, true
		}
	}
	return Secret{}, false
}

// node is what the file says at a path, nil when it is not set. Credentials
// are masked.
func (s *Subject) node(path string) *json5.Node {
	n, err := s.Config.Get(path)
	if err != nil {
		return nil
	}
	return n
}

// set reports a block or value that the configuration has.
func set(o config.Origin) bool { return o.Set || o.Invalid }

// texts are the words of a list node; a single word counts as a list.
func texts(n *json5.Node) []string {
	if n == nil {
		return nil
	}
	if n.Kind != json5.Array {
		if n.Kind == json5.String || n.Kind == json5.Number {
			return []string{n.Text}
		}
		return nil
	}
	var out []string
	for _, i := range n.Items {
		out = append(out, texts(i)...)
	}
	return out
}

// quoted lists words for people.
func quoted(words []string) string {
	out := make([]string, 0, min(len(words), 6))
	for i, w := range words {
		if i == 5 && len(words) > 6 {
			out = append(out, fmt.Sprintf("and %d more", len(words)-5))
			break
		}
		out = append(out, fmt.Sprintf("%q", w))
	}
	return strings.Join(out, ", ")
}
