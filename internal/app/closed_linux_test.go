//go:build amd64 || arm64

package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/configfile"
	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/posture"
	"github.com/openclaw-go/openclaw/internal/sandbox"
)

// lab is one home with a workspace, a read root and a real sandbox.
type lab struct {
	t                      *testing.T
	dir, ws, tools, beside string
	app                    *App
	runner                 sandbox.Runner
}

const labUID = 64321

func newLab(t *testing.T) *lab {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	need(t, err)
	l := &lab{t: t, dir: dir, ws: dir + "/state/workspace", tools: dir + "/tools", beside: dir + "/beside"}
	for _, d := range []string{l.ws, l.tools, l.beside} {
		need(t, os.MkdirAll(d, 0o755))
	}
	l.app = &App{paths: configfile.Paths{State: dir + "/state", Home: dir}, log: slog.New(slog.DiscardHandler)}
	if os.Getuid() == 0 {
		l.app.runUID, l.app.runGID = labUID, labUID
	}
	l.runner, err = newRunner(l.app)
	need(t, err)
	t.Cleanup(func() { _ = l.runner.Close() })
	return l
}

func need(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// clear empties the workspace and what lies beside it.
func (l *lab) clear() {
	for _, d := range []string{l.ws, l.tools, l.beside} {
		need(l.t, os.RemoveAll(d))
		need(l.t, os.MkdirAll(d, 0o755))
	}
	l.own(l.ws)
}

func (l *lab) own(path string) {
	if os.Getuid() == 0 {
		need(l.t, os.Lchown(path, labUID, labUID))
	}
}

// put writes a file that names itself.
func (l *lab) put(path string) {
	need(l.t, os.MkdirAll(filepath.Dir(path), 0o755))
	need(l.t, os.WriteFile(path, []byte("content of "+path+"\n"), 0o644))
	for at := path; len(at) > len(l.dir); at = filepath.Dir(at) {
		l.own(at)
	}
}

func (l *lab) rules(deny []string, workspaceOnly bool) policy.Rules {
	l.t.Helper()
	list, err := json.Marshal(append([]string{}, deny...))
	need(l.t, err)
	text := fmt.Sprintf(`{tools: {profile: "full", fs: {workspaceOnly: %v, denyPaths: %s}, exec: {security: "full", ask: "off", readRoots: [%q]}},
		agents: {defaults: {workspace: %q}, list: [{id: "main", default: true}]}}`, workspaceOnly, list, l.tools, l.ws)
	c, problems := config.ParseBytes("c", []byte(text), nil)
	need(l.t, problems.Err())
	a, ok := posture.Of(c, posture.World{Home: l.dir, State: l.dir + "/state", Config: l.dir + "/state/openclaw.json", Resolve: resolveDir}).Agent("main")
	if !ok {
		l.t.Fatal("no agent")
	}
	return a.Rules
}

// decides is what the decision says about a file tool's use of text.
func (l *lab) decides(r policy.Rules, text string, access policy.Access) policy.Decision {
	tree, err := l.app.tree(r)
	need(l.t, err)
	p, err := tree.Resolve(text)
	if err != nil {
		return policy.Decision{Verdict: policy.Ask, Rule: "unresolved"} // a parent is missing, and may be made
	}
	f := policy.Facts{Understood: true, Reads: []policy.Path{p}}
	name := claw.ToolName("read")
	if access != 0 {
		f, name = policy.Facts{Understood: true, Writes: []policy.Path{p}}, "write"
	}
	return policy.Decide(r, policy.Request{Agent: "main", Session: "agent:main:main", Tool: name, Facts: f, Nonce: "n", Generation: r.Generation,
		Principal: claw.Principal{Surface: claw.SurfaceCLI, Standing: claw.Owner}})
}

// run runs a script in the confinement that the same rules give.
func (l *lab) run(r policy.Rules, script string) (string, error) {
	c, err := l.app.confine(r)
	if err != nil {
		return "", err
	}
	c.Network = policy.NetworkNone
	d, q := policy.OperatorRun("main", r.Generation, json.RawMessage(`["sh"]`), policy.Program{Path: "/bin/sh"}, c, newID(""))
	permit, err := d.Permit(q)
	need(l.t, err)
	var out bytes.Buffer
	res, err := l.runner.Run(context.Background(), permit, sandbox.Cmd{Path: "/bin/sh", Args: []string{"sh", "-c", script}, Env: []string{"PATH=/usr/bin:/bin"}, Stdout: &out, Stderr: &out})
	if err == nil && res.Enforced != policy.LevelIsolated {
		err = fmt.Errorf("ran %s", res.Enforced)
	}
	return out.String(), err
}

func quoteSh(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// TestDecisionAndSandboxAgree: what the decision denies, the sandbox denies,
// for reading and for writing, whatever patterns close and however the file is
// named. The other way round is not asked: a sandbox may be stricter.
func TestDecisionAndSandboxAgree(t *testing.T) {
	l := newLab(t)
	names := []string{".env", "a/.env", "keys/id.pem", "keys/deep/id.pem", "deep/x/secret.txt", "deep/y/secret.txt", "node_modules/p/.env", ".git/config", ".git/hooks/pre-commit",
		"AGENTS.md", "notes.md", "sub/AGENTS.md", "sub/.git/config", "skills/x/SKILL.md", "memory/day.md", "private dir/it's.txt", ".envrc", "q?/[x].txt"}
	patterns := []string{l.ws + "/keys", l.ws + "/keys/", "**/.env", "*.pem", l.ws + "/deep/*/secret.txt", "~/state/workspace/deep/x", l.ws + "/*/deep", "private dir", "~/beside", l.tools + "/closed",
		l.dir + "/*/workspace/notes.md", l.ws + "/absent", l.ws + "/sub/new.txt", "secret.txt", "/**/x", l.ws + "/lnk/id.pem", l.ws + "/q?", "**/[x].txt", l.ws + "/no*", "./keys"}
	some := func(r *rand.Rand, list []string, least, most int) []string {
		list = slices.Clone(list)
		r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		return list[:least+r.IntN(most-least+1)]
	}
	for seed := range uint64(32) {
		dice := rand.New(rand.NewPCG(seed, 7))
		l.clear()
		var paths []string
		for _, name := range some(dice, names, 4, 12) {
			l.put(filepath.Join(l.ws, name))
			paths = append(paths, filepath.Join(l.ws, name))
		}
		for _, path := range []string{l.tools + "/bin/tool", l.tools + "/closed/x", l.beside + "/other", l.dir + "/state/secrets.json", l.dir + "/state/openclaw.json"} {
			l.put(path)
			paths = append(paths, path)
		}
		for name, to := range map[string]string{"lnk": "keys", "up": "..", "out": l.beside, "one": ".env", "abs": l.dir + "/state/secrets.json"} {
			need(t, os.Symlink(to, filepath.Join(l.ws, name)))
			l.own(filepath.Join(l.ws, name))
		}
		paths = append(paths, l.ws+"/lnk/id.pem", l.ws+"/up/secrets.json", l.ws+"/out/other", l.ws+"/one", l.ws+"/abs", l.ws+"/a/../.env", l.ws+"/sub/../keys/id.pem", "/proc/self/root"+l.dir+"/state/secrets.json")
		absent := []string{l.ws + "/absent", l.ws + "/sub/new.txt", l.ws + "/SOUL.md", l.ws + "/.vscode", l.ws + "/.npmrc", l.ws + "/skills"}
		deny := some(dice, patterns, 0, 5)
		if !t.Run(fmt.Sprint(seed), func(t *testing.T) { l.compare(t, l.rules(deny, dice.IntN(2) == 0), paths, absent) }) {
			t.Fatalf("denied are %q", deny)
		}
	}
}

// compare asks the decision about each path, has one run try all of them, and
// looks at what it got and what it changed.
func (l *lab) compare(rt *testing.T, r policy.Rules, paths, absent []string) {
	var b strings.Builder
	b.WriteString("exec 2>/dev/null\nset +e\n")
	for i, p := range paths {
		fmt.Fprintf(&b, "echo; echo @r%d; { read -r x && echo \"$x\"; } < %s\n", i, quoteSh(p))
	}
	for i, p := range append(slices.Clone(paths), absent...) {
		fmt.Fprintf(&b, "[ -d %[1]s ] || mkdir -p %[1]s; echo written%[3]d >> %[2]s || :\n", quoteSh(filepath.Dir(p)), quoteSh(p), i)
	}
	before := map[string]string{}
	for _, p := range append(slices.Clone(paths), absent...) {
		c, _ := os.ReadFile(p)
		before[p] = string(c)
	}
	denied := func(p string, access policy.Access) (policy.RuleID, bool) {
		d := l.decides(r, p, access)
		if _, err := os.Stat(p); access != 0 && err != nil && strings.Contains(d.Hint, "*") {
			return d.Rule, false // a name that a pattern will match cannot be kept from being made
		}
		granted := access == 0 && d.Rule == "fs.outside_workspace" && strings.HasPrefix(p, l.tools+"/")
		return d.Rule, d.Verdict == policy.Deny && !granted // a read root is granted to runs
	}
	type ruling struct {
		rule   policy.RuleID
		denied bool
	}
	reads, writes := map[string]ruling{}, map[string]ruling{}
	for p := range before {
		rule, no := denied(p, 0)
		reads[p] = ruling{rule, no}
		rule, no = denied(p, 1)
		writes[p] = ruling{rule, no}
	}
	out, err := l.run(r, b.String())
	if err != nil {
		rt.Fatalf("%v", err)
	}
	got := 0
	for i, p := range paths {
		_, text, _ := strings.Cut(out, fmt.Sprintf("\n@r%d\n", i))
		text, _, _ = strings.Cut(text, "\n@r")
		has := strings.Contains(text, "content of ")
		if has {
			got++
		}
		if has && reads[p].denied {
			rt.Fatalf("reading %s is denied (%s), the run got %q", p, reads[p].rule, text)
		}
	}
	if got == 0 {
		rt.Fatalf("the run read nothing at all: %q", out)
	}
	for p, was := range before {
		c, _ := os.ReadFile(p)
		if string(c) != was && writes[p].denied {
			rt.Fatalf("writing %s is denied (%s), the run made %q of %q", p, writes[p].rule, c, was)
		}
	}
}

// TestClosedWorkspaceRunsNothing: where the workspace itself lies below a denied
// path nothing can run in it.
func TestClosedWorkspaceRunsNothing(t *testing.T) {
	l := newLab(t)
	for _, deny := range []string{l.ws, l.dir, "~/state", "**/workspace", l.dir + "/*"} {
		if out, err := l.run(l.rules([]string{deny}, true), "echo ran"); err == nil || strings.Contains(out, "ran") {
			t.Errorf("%q: ran: %q", deny, out)
		}
	}
}

// TestReadRootInTheStateIsDropped: no configuration shows a run the state
// directory.
func TestReadRootInTheStateIsDropped(t *testing.T) {
	l := newLab(t)
	l.clear()
	l.put(l.dir + "/state/logs/audit.log")
	l.tools = l.dir + "/state/logs"
	out, err := l.run(l.rules(nil, false), "cat "+l.dir+"/state/logs/audit.log; ls "+l.dir+"/state")
	if err != nil || strings.Contains(out, "content of") || strings.Contains(out, "logs\n") {
		t.Errorf("%v: %q", err, out)
	}
}
