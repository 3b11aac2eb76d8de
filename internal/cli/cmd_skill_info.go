package cli

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"encoding/json"

	"github.com/spf13/cobra"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/journal"
	"github.com/openclaw-go/openclaw/internal/skill"
	"github.com/openclaw-go/openclaw/internal/skillscan"
)

func (e *env) cmdSkillInfo() *cobra.Command {
	return &cobra.Command{Use: "info NAME|PATH", Short: "Show what a skill is, declares, uses, and how it stands here", Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			out, err := e.skillInfo(args[0])
			if err != nil {
				return err
			}
			if e.print.json {
				return e.print.value(out)
			}
			e.showSkillInfo(args[0], out)
			return nil
		}}
}

// skillInfo is everything that is known of a skill.
type skillInfo struct {
	Dir      string              `json:"dir"`
	Verdict  skillscan.Verdict   `json:"verdict"`
	SHA256   string              `json:"sha256"`
	Findings int                 `json:"findings"`
	Files    []skillInfoFile     `json:"files"`
	Manifest *skillscan.Manifest `json:"manifest"`
	Requires skillscan.Front     `json:"requires"`
	// State and what follows are of a skill of this home.
	State *skill.Status `json:"state,omitempty"`
	// Contacted are the hosts that its commands reached for since it was
	// pinned, by the journal.
	Contacted []contacted `json:"contacted,omitempty"`
	// Unmeasured says why Contacted is not known.
	Unmeasured string `json:"unmeasured,omitempty"`
}

type skillInfoFile struct {
	Path string `json:"path"`
	Size int    `json:"size"`
}

// contacted is a host that a skill's commands reached for.
type contacted struct {
	Host     string    `json:"host"`
	Declared bool      `json:"declared"`
	Times    int       `json:"times"`
	Refused  int       `json:"refused"`
	Last     time.Time `json:"last"`
}

func (e *env) skillInfo(arg string) (skillInfo, error) {
	dir, files, err := e.skillHere(arg)
	if err != nil {
		return skillInfo{}, err
	}
	r := skillscan.Scan(files)
	out := skillInfo{Dir: dir, Verdict: r.Verdict, SHA256: r.SHA256, Manifest: &r.Manifest, Files: []skillInfoFile{}}
	for _, f := range files {
		if f.Path == "SKILL.md" {
			out.Requires, _ = skillscan.ReadFront(string(f.Data)) // what it cannot read needs nothing
		}
		if f.Type != skillscan.Folder {
			out.Files = append(out.Files, skillInfoFile{f.Path, len(f.Data)})
		}
	}
	for _, f := range r.Findings {
		if f.Severity > claw.Info {
			out.Findings++
		}
	}
	if dir == arg {
		return out, nil // a folder, not a skill of this home
	}
	s, err := e.skillNamed(arg)
	if err != nil {
		return out, err
	}
	out.State = &s
	if s.Pin != nil {
		if out.Contacted, err = e.skillHosts(s.Pin); err != nil {
			out.Unmeasured = err.Error()
		}
	}
	return out, nil
}

// skillHosts asks the journal which hosts a skill reached for.
func (e *env) skillHosts(p *skill.Pin) ([]contacted, error) {
	r, err := e.reader()
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	recs, err := r.Search(e.ctx, journal.Filter{From: p.At, Events: []journal.Event{journal.Egress}, Text: `"skill":"` + p.Name + `"`})
	if err != nil {
		return nil, err
	}
	var out []contacted
	for _, rec := range recs {
		var d struct {
			Skill   string `json:"skill"`
			Verdict string `json:"verdict"`
			Host    struct {
				Name string `json:"name"`
			} `json:"host"`
		}
		if json.Unmarshal(rec.Data, &d) != nil || d.Skill != p.Name {
			continue
		}
		i := slices.IndexFunc(out, func(c contacted) bool { return c.Host == d.Host.Name })
		if i < 0 {
			i = len(out)
			out = append(out, contacted{Host: d.Host.Name, Declared: slices.Contains(p.Manifest.Hosts, d.Host.Name)})
		}
		c := &out[i]
		c.Times++
		if d.Verdict != "allow" {
			c.Refused++
		}
		if rec.Time.After(c.Last) {
			c.Last = rec.Time
		}
	}
	return out, nil
}

func (e *env) showSkillInfo(arg string, out skillInfo) {
	m := out.Manifest
	version := m.Version
	lines := [][2]string{{"Description", m.Description}}
	if s := out.State; s != nil {
		if s.Pin != nil {
			version = s.Pin.Version
			trust := "its text counts as a stranger's"
			if s.Pin.Trusted {
				trust = "its text counts as instructions"
			}
			lines = append(lines, [2]string{"Origin", s.Pin.Origin.String()},
				[2]string{"Pinned", fmt.Sprintf("%s by %s, verdict %s; %s", s.Pin.At.Local().Format(time.DateTime), s.Pin.By, s.Pin.Verdict, trust)})
		}
		loads := "yes"
		if !s.Loads() {
			loads = fmt.Sprintf("no: %s (%s)", s.Step.Reason, s.Step.Rule)
		}
		lines = append(lines, [2]string{"Loads", loads}, [2]string{"To do", s.Step.Hint})
	}
	f := out.Requires
	lines = append(lines, [2]string{"Version", version}, [2]string{"Homepage", m.Homepage}, [2]string{"Folder", out.Dir}, [2]string{"SHA-256", out.SHA256},
		[2]string{"Requires", fmt.Sprintf("system %s; programs %s; one of %s; variables %s; settings %s", listOr(f.OS), listOr(f.Bins), listOr(f.AnyBins), listOr(f.Env), listOr(f.Config))},
		[2]string{"Declares", "programs " + listOr(m.Declared.Programs) + "; variables " + listOr(m.Declared.Env) + "; tools " + listOr(m.Declared.Tools)},
		[2]string{"Uses", "programs " + listOr(m.Programs) + "; hosts " + listOr(m.Hosts) + "; variables " + listOr(m.Env)},
		[2]string{"Files", fmt.Sprint(len(out.Files))},
		[2]string{"Verdict", fmt.Sprintf("%s, %d findings (openclaw skill scan %s)", out.Verdict, out.Findings, arg)})
	e.print.row("%s", m.Name)
	for _, l := range lines {
		if l[1] != "" {
			e.print.row("  %-12s %s", l[0]+":", l[1])
		}
	}
	for _, c := range out.Contacted {
		word := "named in its files"
		if !c.Declared {
			word = "NOT named in its files"
		}
		e.print.row("  %-12s %s, %s: %d times, %d refused, last %s", "Contacted:", c.Host, word, c.Times, c.Refused, c.Last.Local().Format(time.DateTime))
	}
	switch {
	case out.Unmeasured != "":
		e.print.row("  %-12s unmeasured: %s", "Contacted:", out.Unmeasured)
	case out.State != nil && out.State.Pin != nil && len(out.Contacted) == 0:
		e.print.row("  %-12s no host since it was pinned", "Contacted:")
	}
}
