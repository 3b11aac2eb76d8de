package schedule_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/schedule"
)

type memory struct {
	b   []byte
	err error
}

func (m *memory) Read(string) ([]byte, error) { return m.b, nil }
func (m *memory) Write(name string, b []byte) error {
	if m.err != nil {
		return m.err
	}
	if name != "jobs.json" {
		return fmt.Errorf("document %q", name)
	}
	m.b = b
	return nil
}

func open(t *testing.T, m *memory) *schedule.Book {
	t.Helper()
	n := 0
	b, err := schedule.Open(schedule.Options{Disk: m, Now: func() time.Time { return time.UnixMilli(5000) },
		NewID: func() schedule.JobID { n++; return schedule.JobID(fmt.Sprintf("job-%d-%d", len(m.b), n)) }})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func brief(l claw.Labels) schedule.Job {
	return schedule.Job{Agent: "main", Name: "Morning brief", Enabled: true, Schedule: schedule.When{Kind: "cron", Expr: "0 7 * * *", Zone: "UTC"}, Target: "isolated",
		Payload: schedule.Payload{Kind: "agentTurn", Message: "what is new"}, Labels: &l, Lineage: []claw.Lineage{{Label: l, From: "web"}}}
}

func TestJobsAreKept(t *testing.T) {
	m := &memory{}
	b := open(t, m)
	j, err := b.Add(brief(claw.Untrusted))
	if err != nil {
		t.Fatal(err)
	}
	b = open(t, m)
	got, err := b.Get(j.ID)
	if err != nil || got.Flow() != claw.Untrusted || len(got.Lineage) != 1 || got.CreatedAtMs != 5000 {
		t.Fatalf("%+v %v", got, err)
	}
	none := claw.Private
	got.Labels, got.Name = &none, "other"
	if got, err = b.Update(got); err != nil || got.Flow() != claw.Untrusted|claw.Private || got.Name != "other" {
		t.Fatalf("labels shrank: %+v %v", got, err)
	}
	if list := open(t, m).List(); len(list) != 1 || list[0].Name != "other" {
		t.Fatalf("%v", list)
	}
	if err := b.Remove(j.ID); err != nil {
		t.Fatal(err)
	}
	if err := b.Remove(j.ID); !errors.Is(err, schedule.ErrNoJob) {
		t.Fatalf("%v", err)
	}
	if list := open(t, m).List(); len(list) != 0 {
		t.Fatalf("%v", list)
	}
}

func TestJobsThatAreNoneAreRefused(t *testing.T) {
	for name, harm := range map[string]func(*schedule.Job){
		"no labels":   func(j *schedule.Job) { j.Labels = nil },
		"agent":       func(j *schedule.Job) { j.Agent = "../x" },
		"target":      func(j *schedule.Job) { j.Target = "" },
		"kind":        func(j *schedule.Job) { j.Schedule.Kind = "" },
		"expr":        func(j *schedule.Job) { j.Schedule.Expr = "* * *" },
		"zone":        func(j *schedule.Job) { j.Schedule.Zone = "Mars/Base" },
		"at":          func(j *schedule.Job) { j.Schedule = schedule.When{Kind: "at", At: "tomorrow"} },
		"every":       func(j *schedule.Job) { j.Schedule = schedule.When{Kind: "every", EveryMs: 10} },
		"payload":     func(j *schedule.Job) { j.Payload.Kind = "exec" },
		"empty":       func(j *schedule.Job) { j.Payload.Message = "" },
		"delivery":    func(j *schedule.Job) { j.Delivery = &schedule.Delivery{Mode: "shout"} },
		"long":        func(j *schedule.Job) { j.Payload.Message = strings.Repeat("x", 1<<20) },
		"system text": func(j *schedule.Job) { j.Payload.Kind = "systemEvent" },
	} {
		t.Run(name, func(t *testing.T) {
			m := &memory{}
			b := open(t, m)
			j := brief(0)
			harm(&j)
			if _, err := b.Add(j); !errors.Is(err, schedule.ErrJob) {
				t.Fatalf("%v", err)
			}
			if m.b != nil || len(b.List()) != 0 {
				t.Fatal("it was kept")
			}
		})
	}
}

// A job that upstream wrote counts as untrusted; what is not known of it stays.
func TestUpstreamDocument(t *testing.T) {
	m := &memory{b: []byte(`{"version":1,"x":{"y":1},"jobs":[{"id":"a-1","agentId":"main","name":"n","enabled":true,"createdAtMs":1,"updatedAtMs":1,
		"schedule":{"kind":"at","at":"2026-04-01T10:00:00"},"sessionTarget":"main","wakeMode":"now","payload":{"kind":"systemEvent","text":"t"},"state":{},"failureAlert":{"after":3}}]}`)}
	b := open(t, m)
	if got := b.List(); len(got) != 1 || got[0].Flow() != claw.Untrusted|claw.Private {
		t.Fatalf("%v", got)
	}
	if _, err := b.Add(brief(0)); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(m.b), "failureAlert") || !strings.Contains(string(m.b), `"y": 1`) {
		t.Fatalf("%s", m.b)
	}
	open(t, m)
}

func TestBrokenDocumentStopsTheStart(t *testing.T) {
	for _, text := range []string{"{", `{"version":2,"jobs":[]}`, `{"version":1,"jobs":[{"id":"a"}]}`, `[]`} {
		m := &memory{b: []byte(text)}
		if _, err := schedule.Open(schedule.Options{Disk: m, Now: time.Now, NewID: func() schedule.JobID { return "x" }}); err == nil {
			t.Errorf("%s opened", text)
		}
		if string(m.b) != text {
			t.Errorf("%s was changed", text)
		}
	}
}

func TestFailedWriteChangesNothing(t *testing.T) {
	m := &memory{}
	b := open(t, m)
	j, err := b.Add(brief(0))
	if err != nil {
		t.Fatal(err)
	}
	m.err = errors.New("disk full")
	if _, err := b.Add(brief(0)); err == nil {
		t.Fatal("added")
	}
	if err := b.Remove(j.ID); err == nil {
		t.Fatal("removed")
	}
	j.Name = "changed"
	if _, err := b.Update(j); err == nil {
		t.Fatal("updated")
	}
	if got := b.List(); len(got) != 1 || got[0].Name != "Morning brief" {
		t.Fatalf("%v", got)
	}
}

func FuzzOpen(f *testing.F) {
	b, _ := json.Marshal(map[string]any{"version": 1, "jobs": []schedule.Job{func() schedule.Job { j := brief(0); j.ID = "a"; return j }()}})
	f.Add(b)
	f.Fuzz(func(t *testing.T, raw []byte) {
		m := &memory{b: raw}
		book, err := schedule.Open(schedule.Options{Disk: m, Now: time.Now, NewID: func() schedule.JobID { return "new" }})
		if err != nil {
			return
		}
		if _, err := book.Add(brief(0)); err != nil {
			return
		}
		if _, err := schedule.Open(schedule.Options{Disk: m, Now: time.Now, NewID: func() schedule.JobID { return "x" }}); err != nil {
			t.Fatalf("what was written does not open: %v\n%s", err, m.b)
		}
	})
}
