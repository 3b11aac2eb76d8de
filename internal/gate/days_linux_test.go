//go:build amd64 || arm64

package gate_test

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/gate"
	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/posture"
)

// base is the workspace with which each day begins, written by the operator.
var base = map[string]string{
	"AGENTS.md": "Answer briefly.\n", "SOUL.md": "Be kind.\n", "MEMORY.md": "Likes tea.\n",
	"notes/reading.md": "Moby-Dick\n", "notes/calendar.md": "12: free\n20: school concert\n", "notes/garden.md": "2025: beans\n", "notes/river.md": "2024: 3.1 m\n",
	"notes/lesson.md": "Decimals.\n", "notes/shelf.md": "width 80 cm, brackets: ?\n", "notes/training.md": "week 12\n", "notes/friends.md": "Ada, Kofi, Mei\n", "notes/minutes.md": "Dues: 12\n",
	"lists/shopping.md": "bread\n", "finance/march.csv": "1,paid\n2,open\n3,paid\n4,open\n", "logs/web.log": "03:11 ok\n03:12 error\n03:13 ok\n",
	"drafts/chapter1.md": "It was a very dark night.\n", "drafts/cv.md": "Ten years of boats.\n", "drafts/v1.txt": "the quay\n", "drafts/v2.txt": "teh quay\n", "drafts/heating.md": "Last year's letter.\n", "drafts/toast.md": "To Ada.\n",
	"data/stock.csv": "jar,4\nlid,9\n", "data/photos.txt": "2025-04-30.jpg\n2025-05-01.jpg\n", "data/rota.csv": "early,\nlate,Ada\n",
	"src/client.go": "package client\n\nconst retries = 3\n\nfunc Dial() { Dial() }\n", "src/README.md": "The flag is new.\n",
}

// tally counts what a person was asked, by who asked.
type tally struct {
	calls int
	flow  map[policy.RuleID]int
	other map[policy.RuleID]int
}

func (t *tally) prompts(m map[policy.RuleID]int) (n int) {
	for _, k := range m {
		n += k
	}
	return n
}

// day replays one transcript: labels join the session as they do in a turn, and
// a person who is asked says yes once.
type day struct {
	*cage
	at     string // address of the web
	agent  claw.AgentID
	said   map[claw.SessionKey][]string
	labels map[claw.SessionKey]claw.Labels
	tally  *tally
}

// TestPromptsPerDay counts what the flow rules ask over 30 ordinary days, and
// holds docs/flow.md to the figures. Nothing of these days is an attack: each
// question here is the price of the rules.
func TestPromptsPerDay(t *testing.T) {
	days, err := filepath.Glob("testdata/days/*.txt")
	must(t, err)
	if len(days) != 30 {
		t.Fatalf("%d days", len(days))
	}
	sum := &tally{flow: map[policy.RuleID]int{}, other: map[policy.RuleID]int{}}
	quiet := 0
	for _, name := range days {
		text, err := os.ReadFile(name)
		must(t, err)
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txt"), func(t *testing.T) {
			before := sum.prompts(sum.flow)
			newDay(t, sum).replay(string(text))
			if n := sum.prompts(sum.flow) - before; n == 0 {
				quiet++
			} else {
				t.Logf("%d flow prompts", n)
			}
		})
	}
	flow, other := sum.prompts(sum.flow), sum.prompts(sum.other)
	got := fmt.Sprintf("%d flow prompts in 30 days (%.2f a day), none on %d days; %d prompts of other rules; %d tool calls", flow, float64(flow)/30, quiet, other, sum.calls)
	t.Logf("%s; flow %v, other %v", got, sum.flow, sum.other)
	doc, err := os.ReadFile("../../docs/flow.md")
	must(t, err)
	if !strings.Contains(string(doc), got) {
		t.Errorf("docs/flow.md does not say %q", got)
	}
	if flow > 30 {
		t.Errorf("more than one question a day: %s", got)
	}
}

func newDay(t *testing.T, sum *tally) *day {
	_, hole, at := server(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, "%s%s: opening hours, prices and a short description of what is there. Updated in March.\n", strings.Split(r.Host, ":")[0], r.URL.Path)
	})
	d := &day{cage: sandboxed(t, hole), at: strings.TrimPrefix(at, "http://site.example"), said: map[claw.SessionKey][]string{}, labels: map[claw.SessionKey]claw.Labels{}, tally: sum}
	for name, text := range base {
		d.put(name, text)
	}
	git := exec.Command("sh", "-c", "git init -q . && git add . && git -c user.name=o -c user.email=o@example.org commit -qm first")
	git.Dir, git.Env = d.ws, []string{"HOME=" + d.dir, "PATH=" + os.Getenv("PATH"), "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*"}
	if out, err := git.CombinedOutput(); err != nil {
		t.Fatalf("git: %v %s", err, out)
	}
	must(t, filepath.WalkDir(filepath.Join(d.ws, ".git"), func(path string, _ os.DirEntry, err error) error {
		if err == nil && os.Getuid() == 0 {
			err = os.Lchown(path, cageUID, cageUID)
		}
		return err
	}))
	text, err := os.ReadFile("testdata/days/openclaw.json5")
	must(t, err)
	c, problems := config.ParseBytes("openclaw.json5", []byte(strings.ReplaceAll(string(text), "@WORKSPACE@", d.ws)), nil)
	must(t, problems.Err())
	post := posture.Of(c, posture.World{Home: d.dir, State: filepath.Join(d.dir, "state"), Config: filepath.Join(d.dir, "state", "openclaw.json")})
	d.options.Rules = func(id claw.AgentID) (policy.Rules, bool) {
		a, ok := post.Agent(id)
		return a.Rules, ok
	}
	d.options.Confine = func(r policy.Rules) (policy.Confinement, error) {
		k := r.Confinement
		k.ReadOnly, k.Masked = []string{filepath.Join(d.ws, ".git/config"), filepath.Join(d.ws, ".git/hooks")}, nil
		return k, nil
	}
	d.options.Seen = func(by claw.Principal, list []policy.LaunchConfig) error {
		for _, f := range list {
			if err := d.cage.labels.See(f.Path, f.SHA256, by.String()); err != nil {
				return err
			}
		}
		return nil
	}
	d.gate = gate.New(d.options)
	return d
}

var address = regexp.MustCompile(`http://([a-z.]+)(/\S*)`)

func (d *day) replay(text string) {
	d.t.Helper()
	for line := range strings.Lines(text) {
		line = address.ReplaceAllString(strings.TrimSpace(line), "http://${1}"+strings.TrimSuffix(d.at, "/")+"${2}")
		verb, rest, _ := strings.Cut(line, " ")
		name, more, _ := strings.Cut(rest, " ")
		switch verb {
		case "", "#", "reply":
		case "agent":
			d.agent, d.session = claw.AgentID(name), claw.SessionKey("agent:"+name+":"+more)
		case "say":
			d.said[d.session] = append(d.said[d.session], strings.Fields(rest)...)
		case "put":
			d.put(name, strings.ReplaceAll(more, `\n`, "\n"))
		case "fetch":
			d.step("web_fetch", map[string]any{"url": rest})
		case "read":
			d.step("read", map[string]any{"path": rest})
		case "write":
			d.step("write", map[string]any{"path": name, "content": more + "\n"})
		case "edit":
			part := strings.SplitN(rest, "|", 3)
			d.step("edit", map[string]any{"path": part[0], "oldText": part[1], "newText": part[2]})
		case "exec":
			d.step("exec", map[string]any{"command": rest})
		default:
			d.t.Fatalf("no such step: %q", line)
		}
	}
}

// step is one tool call of the day; it must come to its end.
func (d *day) step(tool claw.ToolName, args map[string]any) {
	d.t.Helper()
	d.tally.calls++
	call := d.callOf(tool, args)
	out := d.do(call)
	if out.Status == gate.Pending {
		asked := false
		for _, s := range out.Decision.Trace {
			if s.Layer == policy.LayerFlow && s.Verdict == policy.Ask {
				d.tally.flow[s.Rule]++
				asked = true
				break
			}
		}
		if !asked {
			d.tally.other[out.Decision.Rule]++
		}
		d.answer(out.Approval, "allow-once", "")
		out = d.resume(out.Approval, d.labels[d.session])
	}
	if out.Status != gate.Done || out.IsError && tool != "exec" {
		d.t.Fatalf("%s %v: %s, %s: %s", tool, args, out.Status, out.Decision.Rule, out.Text)
	}
	d.labels[d.session] |= out.Labels
}

func (d *day) callOf(tool claw.ToolName, args map[string]any) gate.Call {
	call := d.cage.callFor(tool, args, d.labels[d.session])
	call.Agent = d.agent
	said := d.said[d.session]
	call.OperatorSaid = func(s string) bool { return slices.Contains(said, s) }
	return call
}
