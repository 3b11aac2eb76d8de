package posture_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/posture"
)

func rulesOf(t *testing.T, text string, resolve func(string) string) policy.Rules {
	t.Helper()
	c, ps := config.ParseBytes("c", []byte(text), nil)
	if err := ps.Err(); err != nil {
		t.Fatal(err)
	}
	a, ok := posture.Of(c, posture.World{Home: "/home/u", State: "/home/u/.openclaw", Config: "/home/u/.openclaw/openclaw.json", Resolve: resolve}).Agent("main")
	if !ok {
		t.Fatal("no agent")
	}
	return a.Rules
}

// TestDenyPathsCloseWhatTheyName: an entry without a root is no entry without
// effect, and one that leads through a link closes where it leads.
func TestDenyPathsCloseWhatTheyName(t *testing.T) {
	links := func(p string) string {
		if rest, ok := strings.CutPrefix(p, "/etc"); ok {
			return "/private/etc" + rest
		}
		return strings.Replace(p, "/home/u", "/data/u", 1)
	}
	for entry, want := range map[string][]string{
		"/etc":           {"/etc", "/private/etc"},
		"/etc/":          {"/etc", "/private/etc"},
		"/etc/ssl/*.key": {"/etc/ssl/*.key", "/private/etc/ssl/*.key"},
		"~/.ssh":         {"~/.ssh", "/data/u/.ssh"},
		"/var/x":         {"/var/x"},
		"/*/x":           {"/*/x"},
		"secrets":        {"**/secrets"},
		"./secrets/":     {"**/secrets"},
		"*.pem":          {"**/*.pem"},
		"**/.env":        {"**/.env"},
		"~bob/x":         {"**/~bob/x"},
	} {
		r := rulesOf(t, `{tools: {fs: {denyPaths: ["`+entry+`"]}}, agents: {list: [{id: "main"}]}}`, links)
		var got []string
		for _, p := range r.Files.Deny {
			got = append(got, p.Pattern)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s closes %q, expected %q", entry, got, want)
		}
	}
	r := rulesOf(t, `{tools: {fs: {denyPaths: ["secrets"]}}, agents: {list: [{id: "main"}]}}`, nil)
	if !r.Files.Deny[0].Covers(r.Files.Workspace+"/a/secrets/b", r.Files.Home) || r.Files.Deny[0].Covers(r.Files.Workspace+"/a/secrets2", r.Files.Home) {
		t.Errorf("%+v", r.Files.Deny)
	}
}

// TestFlowModePerAgent: an agent's own mode holds where the global one is
// silent, and only tightens one that is written.
func TestFlowModePerAgent(t *testing.T) {
	modes := map[string]policy.FlowMode{"": policy.FlowEnforce, "enforce": policy.FlowEnforce, "observe": policy.FlowObserve, "off": policy.FlowOff}
	for global, g := range modes {
		for own, o := range modes {
			text := `{tools: {`
			if global != "" {
				text += `flow: {mode: "` + global + `"}`
			}
			text += `}, agents: {list: [{id: "main"`
			if own != "" {
				text += `, tools: {flow: {mode: "` + own + `"}}`
			}
			want := g
			switch {
			case own == "":
			case global == "":
				want = o
			default:
				want = min(g, o)
			}
			if got := rulesOf(t, text+`}]}}`, nil).Flow.Mode; got != want {
				t.Errorf("global %q, own %q: %v, expected %v", global, own, got, want)
			}
		}
	}
}
