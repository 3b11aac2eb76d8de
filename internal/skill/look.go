package skill

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/filter"
	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/skillscan"
)

const critical = claw.Critical

// Found is a skill's folder.
type Found struct {
	Name   string `json:"name"`
	Source string `json:"source"`
	Folder string `json:"folder"`
}

// Locate lists the folders of skills in places, and the places that were only
// looked at in part. A skill is called what its SKILL.md says, else what its
// folder is called.
func Locate(places []Place) (found []Found, partly []Place) {
	for _, p := range places {
		names, complete := Find(p.Dir)
		for _, n := range names {
			f := Found{Name: filepath.Base(n), Source: p.Source, Folder: filepath.Join(p.Dir, n)}
			if name := calls(f.Folder); name != "" {
				f.Name = name
			}
			found = append(found, f)
		}
		if !complete {
			partly = append(partly, p)
		}
	}
	return found, partly
}

// calls reads the name that a SKILL.md gives itself.
func calls(dir string) string {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return ""
	}
	defer root.Close()
	for _, n := range []string{"SKILL.md", "skill.md", "Skill.md"} {
		st, err := root.Lstat(n)
		if err != nil || !st.Mode().IsRegular() {
			continue
		}
		r := reader{root: root}
		b, why := r.bytes(n, st)
		if why != "" {
			return ""
		}
		f, err := skillscan.ReadFront(string(b[:min(len(b), 128<<10)]))
		if err != nil || Name(f.Name) != nil {
			return ""
		}
		return f.Name
	}
	return ""
}

func (k *Keeper) found() []Found {
	f, _ := Locate(k.Places)
	return f
}

func (k *Keeper) named(name string) (Found, error) {
	var at []Found
	for _, f := range k.found() {
		if f.Name == name {
			at = append(at, f)
		}
	}
	switch len(at) {
	case 0:
		return Found{}, fmt.Errorf("skill: no skill of this home is called %q: %w", name, fs.ErrNotExist)
	case 1:
		return at[0], nil
	}
	var dirs []string
	for _, f := range at {
		dirs = append(dirs, f.Folder)
	}
	return Found{}, &Refusal{Rule: RuleDuplicate, Why: fmt.Sprintf("%d skills are called %q: %s", len(at), name, strings.Join(dirs, ", ")), Hint: "remove all but one of the folders"}
}

// Status is how one skill stands now.
type Status struct {
	Found
	// Step says whether it loads, or why it does not.
	Step policy.Step `json:"step"`
	// Pin is nil for a skill that nobody pinned.
	Pin *Pin `json:"pin,omitempty"`
	// SHA256 of what lies in the folder.
	SHA256 string `json:"sha256,omitempty"`
	Front  skillscan.Front
}

// Loads reports whether agents may have it.
func (s *Status) Loads() bool { return s.Step.Verdict == policy.Allow }

// Eye looks at the skills of a home again and again, and reads only what may
// have changed. It is for one user at a time.
type Eye struct {
	seen map[string]seen
}

type seen struct {
	stamp string
	sha   string
	front skillscan.Front
	err   error
}

// Look says how every skill stands that lies in the home or is pinned.
func (e *Eye) Look(k *Keeper) ([]Status, error) {
	pins, perr := ReadPins(k.State)
	found, _ := Locate(k.Places)
	same := map[string]int{}
	for _, f := range found {
		same[f.Name]++
	}
	next := map[string]seen{}
	out := []Status{}
	for _, f := range found {
		s := Status{Found: f}
		x := e.at(f.Folder, next)
		s.SHA256, s.Front = x.sha, x.front
		facts := policy.SkillFacts{Name: f.Name, SHA256: x.sha, Same: same[f.Name], Workspace: f.Source == "workspace"}
		if p, ok := pins.Skills[f.Name]; ok && perr == nil {
			s.Pin = &p
			facts.Version, facts.Pinned, facts.PinnedVersion, facts.PinnedSHA256 = p.Version, true, p.Version, p.SHA256
			copied := e.at(k.Copies.Path(p.SHA256), next)
			facts.Intact = copied.err == nil && copied.sha == p.SHA256
			if facts.Intact {
				s.Front = copied.front
			}
		}
		s.Step = k.Rules.Load(facts)
		var r *Refusal
		if x.err != nil && s.Step.Rule != "skill.duplicate" && s.Step.Rule != "skill.workspace" && s.Step.Rule != "skill.not_listed" && s.Step.Rule != "skill.off" {
			s.Step = policy.Step{Layer: policy.LayerSkill, Rule: "skill.unreadable", Reason: x.err.Error()}
			if errors.As(x.err, &r) {
				s.Step.Rule = policy.RuleID(r.Rule)
			}
		}
		out = append(out, s)
	}
	for _, p := range pins.Sorted() {
		if perr == nil && same[p.Name] == 0 {
			out = append(out, Status{Found: Found{Name: p.Name, Folder: p.Folder}, Pin: &p, Step: policy.Step{Layer: policy.LayerSkill, Rule: "skill.gone",
				Reason: fmt.Sprintf("the folder of skill %q is gone", p.Name), Hint: "openclaw skill remove " + p.Name}})
		}
	}
	e.seen = next
	return out, perr
}

// at looks into a folder, unless nothing there can have changed.
func (e *Eye) at(dir string, next map[string]seen) seen {
	if x, ok := next[dir]; ok {
		return x
	}
	stamp := stampOf(dir)
	x, ok := e.seen[dir]
	if !ok || x.stamp != stamp || stamp == "" {
		x = seen{stamp: stamp}
		files, err := Read(dir)
		if err == nil {
			var b Bundle
			b, err = Admit(files)
			x.sha, x.front = b.SHA256, b.Front
		}
		x.err = err
	}
	next[dir] = x
	return x
}

// stampOf is what changes when anything below dir does: names, sizes, modes,
// and the times that nobody but the kernel sets. "" is never the same.
func stampOf(dir string) string {
	var b strings.Builder
	n := 0
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if n++; n > skillscan.MaxFiles+1 {
			return fs.SkipAll
		}
		st, err := os.Lstat(p)
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%s\x00%d %o %d %s\n", p, st.Size(), st.Mode(), st.ModTime().UnixNano(), changeTime(st))
		return nil
	})
	if err != nil || n > skillscan.MaxFiles {
		return ""
	}
	return b.String()
}

// Diff is what a skill's folder has that its pin has not, as text that shows
// everything.
func (k *Keeper) Diff(name string) (string, []Change, error) {
	pins, err := ReadPins(k.State)
	if err != nil {
		return "", nil, err
	}
	p, ok := pins.Skills[name]
	if !ok {
		return "", nil, fmt.Errorf("skill: %q is not pinned: %w", name, fs.ErrNotExist)
	}
	now, err := Read(p.Folder)
	if err != nil {
		return "", nil, err
	}
	was, err := Read(k.Copies.Path(p.SHA256))
	if err != nil {
		return "", nil, err
	}
	return Compare(p.Files, was, now), Changes(p.Files, now), nil
}

// Compare shows the texts of every entry that differs.
func Compare(pinned []PinnedFile, was, now []skillscan.File) string {
	byPath := func(files []skillscan.File, path string) string {
		i := slices.IndexFunc(files, func(f skillscan.File) bool { return f.Path == path })
		if i < 0 {
			return ""
		}
		return shown(files[i])
	}
	var b strings.Builder
	for _, c := range Changes(pinned, now) {
		fmt.Fprintf(&b, "%s: %s\n", filter.Visible(c.Path), c.How)
		if c.How != "mode" {
			name := filter.Visible(c.Path)
			b.Write(diff.Diff("pinned/"+name, []byte(byPath(was, c.Path)), "now/"+name, []byte(byPath(now, c.Path))))
		}
	}
	return b.String()
}

// shown is an entry as text in which everything can be seen.
func shown(f skillscan.File) string {
	switch {
	case f.Unread != "":
		return "(not read: " + f.Unread + ")\n"
	case f.Type == skillscan.Link:
		return "(a link to " + filter.Visible(f.Target) + ")\n"
	case f.Type == skillscan.Special:
		return "(neither a file, a folder nor a link)\n"
	case f.Type == skillscan.Folder:
		return "(a folder)\n"
	case strings.ContainsRune(string(f.Data), 0):
		return fmt.Sprintf("(%d bytes that are no text, SHA-256 %s)\n", len(f.Data), sum(f.Data))
	}
	return filter.VisibleProse(string(f.Data))
}

// Text is an entry for people's eyes.
func Text(f skillscan.File) string { return shown(f) }
