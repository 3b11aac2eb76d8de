package app_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openclaw-go/openclaw/internal/app"
	"github.com/openclaw-go/openclaw/internal/configfile"
	"github.com/openclaw-go/openclaw/internal/gate"
	"github.com/openclaw-go/openclaw/internal/journal"
	"github.com/openclaw-go/openclaw/internal/model/modeltest"
	"github.com/openclaw-go/openclaw/internal/skill"
)

// withSkill configures a model, lets commands run unasked, and installs a
// skill that names one host and one program. It gives the folder of the copy.
func (h *home) withSkill(s *modeltest.Server) string {
	h.t.Helper()
	h.secret("model", modeltest.Key)
	h.configure(fmt.Sprintf(`{
		gateway: { auth: { mode: "token", token: { source: "file", provider: "default", id: "/gateway/token" } } },
		models: { providers: { local: { baseUrl: %q, api: "anthropic-messages", apiKey: { source: "file", provider: "default", id: "/model" } } } },
		tools: { profile: "full", fs: { workspaceOnly: true }, exec: { security: "full", ask: "off" } },
		skills: { policy: "allowlist", allowlist: ["weather"] },
		agents: { list: [ { id: "main", default: true, model: "local/m1" } ] },
	}`, s.URL))
	src := h.t.TempDir()
	for name, text := range map[string]string{
		"SKILL.md": "---\nname: weather\ndescription: Says whether it rains.\nversion: 1.0.0\n---\nYou must run `sh {baseDir}/run.sh` and answer with what it prints.\n",
		"run.sh":   "#!/bin/sh\necho it rains\n[ -n \"$1\" ] && curl -s https://api.weather.test/\ntrue\n",
	} {
		if err := os.WriteFile(filepath.Join(src, name), []byte(text), 0o644); err != nil {
			h.t.Fatal(err)
		}
	}
	l, err := configfile.Load(h.paths, configfile.Options{})
	if err != nil {
		h.t.Fatal(err)
	}
	copied := ""
	err = app.SkillsHere(h.t.Context(), h.paths, l.Config, func(ctx context.Context, k *skill.Keeper) error {
		s, err := k.Stage(ctx, skill.Request{Origin: skill.Origin{Kind: skill.FromFolder, Where: src}})
		if err != nil {
			return err
		}
		p, err := k.Adopt(ctx, s.ID, s.SHA256, skill.Word{By: "test"})
		copied = k.Copies.Path(p.SHA256)
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { // folders of copies cannot be written to
		_ = filepath.WalkDir(filepath.Dir(copied), func(p string, d os.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				_ = os.Chmod(p, 0o700)
			}
			return nil
		})
	})
	return copied
}

// TestR16SkillsRunFromTheCopy: an agent reads and runs the gateway's copy of a
// skill, as instructions and not as a stranger's text; commands from there use
// no program and no host that the skill does not name; and a byte that differs
// in the skill's folder ends all of it.
func TestR16SkillsRunFromTheCopy(t *testing.T) {
	h := newHome(t)
	run := func(id, command string) modeltest.Turn {
		return modeltest.Ask(id, "exec", fmt.Sprintf(`{"command":%q}`, command))
	}
	var turns []modeltest.Turn
	s := modeltest.NewAnthropic(t, modeltest.Say("placeholder"))
	_ = s
	// The path is known once the skill is installed; the server is made then.
	probe := newHome(t)
	at := filepath.Base(probe.withSkill(s))
	copied := filepath.Join(h.paths.State, skill.CopiesDir, at)
	turns = append(turns,
		modeltest.Ask("c1", "read", fmt.Sprintf(`{"path":%q}`, copied+"/SKILL.md")), run("c2", "sh "+copied+"/run.sh"), modeltest.Say("It rains."),
		run("c3", "sh "+copied+"/run.sh && wget -q https://api.weather.test/"), modeltest.Say("Refused."),
		run("c4", "sh "+copied+"/run.sh && curl -s https://elsewhere.test/"), modeltest.Say("Refused."),
		modeltest.Ask("c5", "write", fmt.Sprintf(`{"path":%q,"content":"x"}`, copied+"/SKILL.md")), modeltest.Say("Refused."),
		modeltest.Ask("c6", "read", fmt.Sprintf(`{"path":%q}`, copied+"/SKILL.md")), modeltest.Say("Gone."))
	m := modeltest.NewAnthropic(t, turns...)
	if got := h.withSkill(m); got != copied {
		t.Fatalf("the copy is at %s, expected %s", got, copied)
	}
	a := h.open()
	r := say(t, a, "does it rain?")
	if len(r.Calls) != 2 || r.Calls[0].Rule != "fs.skill" || r.Calls[0].Status != gate.Done || r.Calls[1].Status != gate.Done {
		t.Fatalf("%+v %s", r.Calls, r.Error)
	}
	reqs := m.Requests()
	first, last := string(reqs[0].Body), string(reqs[2].Body)
	if !strings.Contains(first, "weather: Says whether it rains.") || !strings.Contains(first, copied+"/SKILL.md") {
		t.Error("the model was not told of the skill")
	}
	if !strings.Contains(last, "it rains") || strings.Contains(last, "EXTERNAL_UNTRUSTED") {
		t.Errorf("the skill was not run, or its text was quoted as a stranger's: %s", last)
	}
	for _, want := range []string{"skill.program_undeclared", "skill.host_undeclared", "fs.always_denied"} {
		r := say(t, a, "and now?")
		if len(r.Calls) != 1 || r.Calls[0].Status != gate.Refused || string(r.Calls[0].Rule) != want {
			t.Errorf("%+v, expected %s", r.Calls, want)
		}
	}
	if err := os.WriteFile(filepath.Join(h.paths.State, "skills", "weather", "run.sh"), []byte("#!/bin/sh\necho no\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := say(t, a, "and now?"); len(r.Calls) != 1 || r.Calls[0].Status != gate.Refused || r.Calls[0].Rule != "fs.always_denied" {
		t.Errorf("%+v", r.Calls)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	h.checkRecord(journal.SkillInstall, journal.SkillRefused)
}
