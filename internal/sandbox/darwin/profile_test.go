package darwin

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/sandbox"
)

func confinement() policy.Confinement {
	return policy.Confinement{Level: policy.LevelConfined, Workspace: "/Users/u/ws", WorkspaceWrite: true, ReadRoots: []string{"/opt/tool"},
		Masked: []string{"/Users/u/ws/.env", "/Users/u/ws/private/"}, ReadOnly: []string{"/Users/u/ws/AGENTS.md", "/Users/u/ws/.git/hooks/"}}
}

func TestProfile(t *testing.T) {
	text, err := Profile(confinement(), "/private/tmp/h", "/private/tmp/t")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(text, "(version 1)\n(deny default)\n") {
		t.Errorf("it does not begin by denying everything:\n%s", text)
	}
	// The last rule that matches decides: what is taken back comes after what
	// was granted, and the network is denied whatever came before.
	order := []string{
		`(allow file-read* file-write* process-exec* file-map-executable (subpath "/Users/u/ws"))`,
		`(deny file-write* (subpath "/Users/u/ws/.git/hooks") (subpath "/Users/u/ws/AGENTS.md"))`,
		`(deny file-read* file-write* process-exec* (subpath "/Users/u/ws/.env") (subpath "/Users/u/ws/private"))`,
		`(deny network*)`,
	}
	at := -1
	for _, want := range order {
		i := strings.Index(text, want+"\n")
		if i <= at {
			t.Errorf("%s comes at %d, after %d in\n%s", want, i, at, text)
		}
		at = i
	}
	if strings.Contains(text, "network-outbound") || strings.Contains(text, "(allow default)") || strings.Contains(text, `"/Users"`) && !strings.Contains(text, `(allow file-read-metadata (literal`) {
		t.Errorf("it grants too much:\n%s", text)
	}
}

func TestProfileVariants(t *testing.T) {
	for what, x := range map[string]struct {
		change func(*policy.Confinement)
		has    string
		hasNot string
	}{
		"a workspace to be read":   {func(c *policy.Confinement) { c.WorkspaceWrite = false }, `(allow file-read* process-exec* file-map-executable (subpath "/Users/u/ws"))`, `file-write* process-exec* file-map-executable (subpath "/Users/u/ws"))`},
		"the proxy":                {func(c *policy.Confinement) { c.Network = policy.NetworkProxy }, `(allow network-outbound (remote ip "localhost:3128"))`, `(allow network*`},
		"nothing":                  {func(c *policy.Confinement) { *c = policy.Confinement{Level: policy.LevelConfined} }, `(deny network*)`, "/Users/u"},
		"a quote in a name":        {func(c *policy.Confinement) { c.ReadRoots = []string{`/a") (allow default) ("`} }, `(subpath "/a\") (allow default) (\"")`, `(subpath "/a")`},
		"a backslash in a name":    {func(c *policy.Confinement) { c.ReadRoots = []string{`/a\`} }, `(subpath "/a\\")`, `"/a\")`},
		"an order that is its own": {func(c *policy.Confinement) { slices.Reverse(c.Masked) }, `(subpath "/Users/u/ws/.env") (subpath "/Users/u/ws/private")`, "(allow default)"},
	} {
		c := confinement()
		x.change(&c)
		text, err := Profile(c, "/private/tmp/h", "/private/tmp/t")
		if err != nil || !strings.Contains(text, x.has) || strings.Contains(text, x.hasNot) {
			t.Errorf("%s: want %q and not %q, %v in\n%s", what, x.has, x.hasNot, err, text)
		}
	}
}

func TestProfileRefusals(t *testing.T) {
	var level *sandbox.LevelError
	for _, l := range []policy.Level{policy.LevelNone, policy.LevelProcess, policy.LevelIsolated, policy.LevelContainer} {
		c := confinement()
		c.Level = l
		if text, err := Profile(c, "/h", "/t"); text != "" || !errors.As(err, &level) || level.Want != l {
			t.Errorf("%v: %q, %v", l, text, err)
		}
	}
	for _, p := range []string{"relative", "/a/../b", "/a\nb", "/a\x00", ""} {
		c := confinement()
		c.ReadRoots = []string{p}
		if _, err := Profile(c, "/h", "/t"); err == nil {
			t.Errorf("path %q: accepted", p)
		}
	}
	r := New()
	if s := r.Support(); len(s.Levels) != 0 || len(s.Notes) == 0 {
		t.Errorf("support %+v, want none with the reason", s)
	}
	if _, err := r.Run(context.Background(), policy.Permit{}, sandbox.Cmd{}); !errors.Is(err, sandbox.ErrPermit) {
		t.Errorf("without a permit: %v", err)
	}
}

// TestProfileIsBalanced: whatever a path is, it stays one text of one rule.
func TestProfileIsBalanced(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := confinement()
		c.ReadRoots = []string{"/" + rapid.String().Draw(t, "path")}
		text, err := Profile(c, "/h", "/t")
		if err != nil {
			return
		}
		depth, inside := 0, false
		for i := 0; i < len(text); i++ {
			switch ch := text[i]; {
			case inside && ch == '\\':
				i++
			case ch == '"':
				inside = !inside
			case inside:
			case ch == '(':
				depth++
			case ch == ')':
				depth--
			}
			if depth < 0 {
				t.Fatalf("a rule ends twice in\n%s", text)
			}
		}
		if depth != 0 || inside {
			t.Fatalf("rules are left open in\n%s", text)
		}
	})
}
