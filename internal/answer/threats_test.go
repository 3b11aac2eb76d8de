package answer

import (
	"testing"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/policy"
)

// laundry lets one agent start another one that runs commands unasked.
const laundry = `{tools: {profile: "messaging", alsoAllow: ["sessions_spawn", "cron"], agents: {helper: {allow: ["exec"], exec: {security: "allowlist", ask: "off", allowlist: ["make"]}}}},
	agents: {list: [{id: "main", default: true}, {id: "helper"}]}, gateway: {http: {enabled: true}}, channels: {telegram: {botToken: "x", dmPolicy: "open", allowFrom: ["*"]}}}`

// TestR36LabelsGoAlongToOtherAgents: what a clean child would do unasked asks,
// because the labels of the parent go along.
func TestR36LabelsGoAlongToOtherAgents(t *testing.T) {
	w := worldOf(t, laundry)
	clean := w.ask(t, "cli", "run make")
	if clean.Verdict != policy.Allow {
		t.Fatalf("the owner of a clean session: %s", clean.Verdict)
	}
	a := w.ask(t, "telegram:stranger", "run make")
	last := a.Path[len(a.Path)-1]
	if a.Verdict != policy.Ask || last.Agent != "helper" || last.Rule != "flow.untrusted_exec" || !last.Labels.Has(claw.Untrusted) {
		t.Fatalf("%s by %+v", a.Verdict, a.Path)
	}
}

// TestR37JobsKeepTheLabelsOfWhoMadeThem: nothing becomes clean by waiting.
func TestR37JobsKeepTheLabelsOfWhoMadeThem(t *testing.T) {
	w := worldOf(t, laundry)
	s := search{w: &w, goal: Goal{Kind: Configure}, ways: map[wayKey][]way{}, refused: map[refusalKey][]refusal{}, seen: map[state]bool{}}
	who, err := w.Who("api")
	if err != nil {
		t.Fatal(err)
	}
	s.begin(who)
	s.run(policy.Ask)
	jobs := 0
	for at := range s.seen {
		if at.surface == claw.SurfaceCron {
			jobs++
		}
		if !at.labels.Has(claw.Untrusted) {
			t.Errorf("a program's text reached %+v and is clean there", at)
		}
	}
	if jobs == 0 {
		t.Fatal("no job was made: nothing was proven")
	}
}

// TestR64MaskedPartsAreNotDecided: a record without its secret says so instead
// of deciding about another command.
func TestR64MaskedPartsAreNotDecided(t *testing.T) {
	w := homeWith(t, "")
	p := pastOf(t, w, "workbench", "exec", `{"command":"cat [redacted]"}`, exec(w, "workbench", "cat notes.txt"), 0)
	p.Call.Masked = true
	s := NewSimulator(w, ParseRecorded)
	s.Add(p)
	if r := s.Result(); r.NotDecidable != 1 || r.Unchanged != 0 {
		t.Errorf("%+v", r)
	}
}

// TestR68TheConfigurationIsClosed: no sender makes an agent read what it could
// learn the holes from.
func TestR68TheConfigurationIsClosed(t *testing.T) {
	for _, text := range []string{laundry, `{tools: {profile: "full", fs: {workspaceOnly: false}, exec: {security: "full", ask: "off"}, flow: {mode: "off"}}}`} {
		w := worldOf(t, text)
		for _, file := range []string{"~/.openclaw/openclaw.json", "~/.openclaw/posture.json", "~/.openclaw/logs/audit.log"} {
			if a := w.Can(Question{Who: w.Senders(), What: Goal{Kind: ReadFile, Arg: file}}); a.Verdict != policy.Deny {
				t.Errorf("%s: %s by %+v", file, a.Verdict, a.Path)
			}
		}
	}
}
