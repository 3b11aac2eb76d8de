package skill

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/openclaw-go/openclaw/internal/atomicfile"
	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/skillscan"
)

// Event names what is recorded before it is done.
type Event string

// Events.
const (
	Install Event = "skill.install"
	Pinned  Event = "skill.pin"
	Removed Event = "skill.remove"
	Refused Event = "skill.refused"
)

// Record is what the journal has of an act on a skill.
type Record struct {
	Name    string             `json:"name"`
	Version string             `json:"version,omitempty"`
	SHA256  string             `json:"sha256,omitempty"`
	Origin  string             `json:"origin,omitempty"`
	Folder  string             `json:"folder,omitempty"`
	Verdict *skillscan.Verdict `json:"verdict,omitempty"`
	Trusted bool               `json:"trusted,omitempty"`
	Despite []string           `json:"despite,omitempty"`
	// Rule and Reason of a refusal.
	Rule   string   `json:"rule,omitempty"`
	Reason string   `json:"reason,omitempty"`
	Agents []string `json:"agents,omitempty"`
}

// Place is a folder that skills are looked for in.
type Place struct {
	// Source is workspace, agents, managed or extra.
	Source string
	Dir    string
}

// Keeper installs, pins and removes the skills of one home. Nothing of it runs
// a skill.
type Keeper struct {
	State  string
	Places []Place
	Rules  policy.SkillRules
	Copies Copies
	// Registry is asked for skills by name; "" is none.
	Registry string
	// Client makes a client that reaches one origin.
	Client func(origin string) (*http.Client, error)
	// Git runs the git helper.
	Git Git
	// Note records an act; an error stops it.
	Note func(ctx context.Context, e Event, r Record) error
	Now  func() time.Time
}

// Request is a skill that somebody wants.
type Request struct {
	Origin Origin `json:"origin"`
	// Version of a registry's skill; "" is the newest, or the one that
	// skills.versions names.
	Version string `json:"version,omitempty"`
}

// Staged is a skill that was fetched and looked at, and is nowhere in use.
type Staged struct {
	ID      string           `json:"id"`
	Name    string           `json:"name"`
	Version string           `json:"version,omitempty"`
	SHA256  string           `json:"sha256"`
	Origin  Origin           `json:"origin"`
	Dir     string           `json:"dir"`
	Report  skillscan.Report `json:"report"`
	// Notes are what whoever published it says of it.
	Notes []string `json:"notes,omitempty"`
	// Replaces is the pin that it takes the place of.
	Replaces *Pin `json:"replaces,omitempty"`
	// Changes against what Replaces pinned.
	Changes []Change `json:"changes,omitempty"`
}

// Folders of the state directory.
const (
	stagingDir = "skill-staging"
	CopiesDir  = "skill-copies"
	managedDir = "skills"
)

// Stage fetches a skill, checks it and scans it. Nothing is installed.
func (k *Keeper) Stage(ctx context.Context, r Request) (Staged, error) {
	files, o, version, notes, err := k.fetch(ctx, r)
	if err != nil {
		return Staged{}, k.refused(ctx, r.Origin, err)
	}
	b, err := Admit(files)
	if err == nil && o.Kind == FromRegistry && b.Front.Name != o.Slug {
		err = refuse(RuleBadName, "SKILL.md", "it calls itself %q, the registry %q", b.Front.Name, o.Slug)
	}
	if version == "" {
		version = b.Front.Version
	}
	if err == nil {
		err = k.admits(b.Front.Name, version)
	}
	if err != nil {
		return Staged{}, k.refused(ctx, o, err)
	}
	s := Staged{ID: newID(), Name: b.Front.Name, Version: version, SHA256: b.SHA256, Origin: o, Report: skillscan.Scan(b.Files), Notes: notes}
	s.Dir = filepath.Join(k.State, stagingDir, s.ID)
	pins, err := ReadPins(k.State)
	if err != nil {
		return Staged{}, err
	}
	if was, ok := pins.Skills[s.Name]; ok {
		s.Replaces, s.Changes = &was, Changes(was.Files, b.Files)
	}
	k.sweep()
	if err := atomicfile.MkdirAll(filepath.Join(s.Dir, "skill")); err != nil {
		return Staged{}, err
	}
	if err := Write(filepath.Join(s.Dir, "skill"), b.Files, private); err != nil {
		return Staged{}, err
	}
	kept, err := json.Marshal(struct {
		Origin  Origin `json:"origin"`
		Version string `json:"version"`
	}{o, version})
	if err != nil {
		return Staged{}, err
	}
	return s, atomicfile.Write(filepath.Join(s.Dir, "stage.json"), kept)
}

// fetch brings the files of a skill into memory.
func (k *Keeper) fetch(ctx context.Context, r Request) (files []skillscan.File, o Origin, version string, notes []string, err error) {
	o = r.Origin
	switch o.Kind {
	case FromFolder:
		files, err = read(o.Where, ".git")
	case FromArchive:
		files, err = archiveAt(o.Where)
	case FromGit:
		dir := filepath.Join(k.State, stagingDir, newID()+".git")
		if k.Git == nil {
			return nil, o, "", nil, errors.New("skill: git is not available here")
		}
		if err = atomicfile.MkdirAll(filepath.Dir(dir)); err == nil {
			files, o.Commit, err = fetchGit(ctx, k.Git, dir, o)
		}
		err = errors.Join(err, removeAll(dir))
	case FromRegistry:
		return k.fromRegistry(ctx, r)
	default:
		err = fmt.Errorf("skill: origin %q is not one of registry, folder, archive, git", o.Kind)
	}
	return files, o, "", nil, err
}

func archiveAt(path string) ([]skillscan.File, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() || st.Size() > MaxArchive {
		return nil, refuse(RuleTooLarge, "", "%q is no file of at most %d bytes", path, MaxArchive)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return Unpack(b)
}

func (k *Keeper) fromRegistry(ctx context.Context, r Request) (files []skillscan.File, o Origin, version string, notes []string, err error) {
	o = r.Origin
	if o.Registry == "" {
		o.Registry = k.Registry
	}
	// A skill that is on no list is not even asked for.
	if s := k.Rules.Admit(o.Slug, ""); s.Rule == "skill.not_listed" {
		return nil, o, "", nil, refusedBy(s)
	}
	reg, err := k.registry(o.Registry)
	if err != nil {
		return nil, o, "", nil, err
	}
	p, err := reg.Published(ctx, o.Slug, o.Owner)
	if err != nil {
		return nil, o, "", nil, err
	}
	o.Owner = p.Owner
	version = r.Version
	for _, v := range k.Rules.Versions {
		if v.Name == o.Slug && version == "" {
			version = v.Version
		}
	}
	if version == "" {
		version = p.Version
	}
	if err := k.admits(o.Slug, version); err != nil {
		return nil, o, "", nil, err
	}
	data, err := reg.Download(ctx, o.Slug, version)
	if err != nil {
		return nil, o, "", nil, err
	}
	files, err = Unpack(data)
	return files, o, version, p.Notes, err
}

func (k *Keeper) registry(base string) (Registry, error) {
	if base == "" {
		return Registry{}, &Refusal{Rule: "skill.no_registry", Why: "no registry is configured", Hint: "openclaw config set skills.install.registry https://… (or --registry)"}
	}
	c, err := k.Client(base)
	return Registry{Base: base, Client: c}, err
}

// Search asks the registry for skills by words.
func (k *Keeper) Search(ctx context.Context, registry, words string) ([]Listed, error) {
	if registry == "" {
		registry = k.Registry
	}
	r, err := k.registry(registry)
	if err != nil {
		return nil, err
	}
	return r.Search(ctx, words)
}

func (k *Keeper) admits(name, version string) error {
	if s := k.Rules.Admit(name, version); s.Verdict != policy.Allow {
		return refusedBy(s)
	}
	return nil
}

func refusedBy(s policy.Step) error {
	return &Refusal{Rule: string(s.Rule), Why: s.Reason, Hint: s.Hint}
}

// refused records that a skill was not taken.
func (k *Keeper) refused(ctx context.Context, o Origin, err error) error {
	var r *Refusal
	if !errors.As(err, &r) {
		return err
	}
	name := o.Slug
	if name == "" {
		name = filepath.Base(o.Where)
	}
	return errors.Join(err, k.Note(ctx, Refused, Record{Name: name, Origin: o.String(), Rule: r.Rule, Reason: r.Error()}))
}

// Word is what a person says to a skill that they have looked at.
type Word struct {
	// Trust takes its text as instructions although the scan wants a review.
	Trust bool `json:"trust,omitempty"`
	// Despite names rules that block it, each one.
	Despite []string `json:"despite,omitempty"`
	By      string   `json:"by"`
}

// judge says whether a person's word is enough for what the scan found, and
// whether the text then counts as instructions.
func (w Word) judge(r skillscan.Report) (trusted bool, err error) {
	switch r.Verdict {
	case skillscan.Pass:
		return true, nil
	case skillscan.Review:
		return w.Trust, nil
	case skillscan.Block:
	}
	var open []string
	for _, f := range r.Findings {
		if f.Severity >= critical && !slices.Contains(w.Despite, f.Rule) && !slices.Contains(open, f.Rule) {
			open = append(open, f.Rule)
		}
	}
	if len(open) > 0 {
		return false, &Refusal{Rule: RuleBlocked, Why: "the scan blocks it: " + strings.Join(open, ", "), Hint: "read the places named by openclaw skill scan; --despite RULE takes it all the same"}
	}
	return w.Trust, nil
}

// Adopt installs what was staged: the content that the person saw, and no
// other. It records first.
func (k *Keeper) Adopt(ctx context.Context, id, sha256 string, w Word) (Pin, error) {
	if id == "" || strings.ContainsAny(id, `/\.`) {
		return Pin{}, fmt.Errorf("skill: %q is no staged skill", id)
	}
	dir := filepath.Join(k.State, stagingDir, id)
	raw, err := atomicfile.Read(filepath.Join(dir, "stage.json"), maxLock)
	if err != nil {
		return Pin{}, fmt.Errorf("skill: %q is no staged skill: %w", id, err)
	}
	var kept struct {
		Origin  Origin `json:"origin"`
		Version string `json:"version"`
	}
	if err := json.Unmarshal(raw, &kept); err != nil {
		return Pin{}, err
	}
	files, err := Read(filepath.Join(dir, "skill"))
	if err != nil {
		return Pin{}, err
	}
	b, err := Admit(files)
	if err == nil && b.SHA256 != sha256 {
		err = refuse(RuleChanged, "", "what is staged is not what was shown")
	}
	if err == nil {
		err = k.admits(b.Front.Name, kept.Version)
	}
	folder := filepath.Join(k.State, managedDir, b.Front.Name)
	if err == nil {
		err = k.alone(b.Front.Name, folder)
	}
	pin := Pin{}
	if err == nil {
		pin, err = k.pin(b, kept.Version, kept.Origin, folder, w)
	}
	if err != nil {
		return Pin{}, k.refused(ctx, kept.Origin, err)
	}
	if err := k.Note(ctx, Install, pin.record()); err != nil {
		return Pin{}, err
	}
	if err := k.place(folder, b, pin); err != nil {
		return Pin{}, err
	}
	if err := k.keep(pin, b); err != nil {
		return Pin{}, err
	}
	return pin, removeAll(dir)
}

// alone refuses a name that a skill elsewhere has.
func (k *Keeper) alone(name, folder string) error {
	for _, f := range k.found() {
		if f.Name == name && f.Folder != folder {
			return &Refusal{Rule: RuleDuplicate, Why: fmt.Sprintf("another skill is called %q: %s", name, f.Folder), Hint: "remove that folder first"}
		}
	}
	return nil
}

// pin makes the pin of a bundle, as far as a person's word goes.
func (k *Keeper) pin(b Bundle, version string, o Origin, folder string, w Word) (Pin, error) {
	r := skillscan.Scan(b.Files)
	trusted, err := w.judge(r)
	if err != nil {
		return Pin{}, err
	}
	return Pin{Name: b.Front.Name, Version: version, SHA256: b.SHA256, Files: pinned(b.Files), Origin: o, Folder: folder, Verdict: r.Verdict,
		Trusted: trusted, Despite: w.Despite, Manifest: r.Manifest, By: w.By, At: k.Now().UTC().Truncate(time.Second)}, nil
}

func (p *Pin) record() Record {
	return Record{Name: p.Name, Version: p.Version, SHA256: p.SHA256, Origin: p.Origin.String(), Folder: p.Folder, Verdict: &p.Verdict, Trusted: p.Trusted, Despite: p.Despite}
}

// place puts a skill where the home's skills lie, in one step.
func (k *Keeper) place(folder string, b Bundle, p Pin) error {
	parent := filepath.Dir(folder)
	if err := atomicfile.MkdirAll(parent); err != nil {
		return err
	}
	temp, err := os.MkdirTemp(parent, ".new-")
	if err != nil {
		return err
	}
	defer func() { _ = removeAll(temp) }()
	if err := Write(temp, b.Files, private); err != nil {
		return err
	}
	if p.Origin.Kind == FromRegistry {
		if err := writeOrigin(temp, p.Origin, p.Version, p.At); err != nil {
			return err
		}
	}
	old := filepath.Join(parent, ".old-"+newID())
	if err := os.Rename(folder, old); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Rename(temp, folder); err != nil {
		return errors.Join(err, os.Rename(old, folder))
	}
	return errors.Join(removeAll(old), atomicfile.SyncDir(parent))
}

// keep writes copy, pin and lock, in this order: what is cut short loads
// nothing.
func (k *Keeper) keep(p Pin, b Bundle) error {
	if err := k.Copies.Put(b); err != nil {
		return err
	}
	pins, err := ReadPins(k.State)
	if err != nil {
		return err
	}
	was := pins.Skills[p.Name].SHA256
	pins.Skills[p.Name] = p
	if err := pins.write(k.State); err != nil {
		return err
	}
	if p.Origin.Kind == FromRegistry {
		l, err := ReadLock(k.State)
		if err != nil {
			return err
		}
		e := l.Skills[p.Name]
		e.Version, e.InstalledAt, e.Registry, e.OwnerHandle, e.Pinned = p.Version, p.At.UnixMilli(), p.Origin.Registry, p.Origin.Owner, true
		l.Skills[p.Name] = e
		if err := l.Write(k.State); err != nil {
			return err
		}
	}
	return k.drop(pins, was)
}

// drop removes a copy that no pin names.
func (k *Keeper) drop(pins Pins, sha256 string) error {
	for _, p := range pins.Skills {
		if p.SHA256 == sha256 {
			return nil
		}
	}
	if sha256 == "" {
		return nil
	}
	return k.Copies.Remove(sha256)
}

// Pin pins a skill that lies in the home, as it is now.
func (k *Keeper) Pin(ctx context.Context, name string, w Word) (Pin, error) {
	f, err := k.named(name)
	if err != nil {
		return Pin{}, err
	}
	files, err := Read(f.Folder)
	if err != nil {
		return Pin{}, err
	}
	pins, err := ReadPins(k.State)
	if err != nil {
		return Pin{}, err
	}
	o, version, known := ReadOrigin(f.Folder)
	if was, ok := pins.Skills[name]; !known && ok && was.Folder == f.Folder {
		o = was.Origin
	} else if !known {
		o = Origin{Kind: FromFolder, Where: f.Folder}
	}
	b, err := Admit(files)
	if err == nil && b.Front.Name != name {
		err = refuse(RuleBadName, "SKILL.md", "it calls itself %q, expected %q", b.Front.Name, name)
	}
	if err == nil && f.Source == "workspace" {
		err = &Refusal{Rule: "skill.workspace", Why: fmt.Sprintf("%q lies in a workspace, from where none loads", name), Hint: "openclaw skill install " + f.Folder}
	}
	if err == nil {
		if version == "" {
			version = b.Front.Version
		}
		err = k.admits(name, version)
	}
	pin := Pin{}
	if err == nil {
		pin, err = k.pin(b, version, o, f.Folder, w)
	}
	if err != nil {
		return Pin{}, k.refused(ctx, o, err)
	}
	if err := k.Note(ctx, Pinned, pin.record()); err != nil {
		return Pin{}, err
	}
	return pin, k.keep(pin, b)
}

// Remove takes a skill away: its pin, its copy, its lock, and its folder where
// the home's own skills lie.
func (k *Keeper) Remove(ctx context.Context, name, by string) (Pin, error) {
	if err := Name(name); err != nil {
		return Pin{}, err
	}
	pins, err := ReadPins(k.State)
	if err != nil {
		return Pin{}, err
	}
	folder := filepath.Join(k.State, managedDir, name)
	p, ok := pins.Skills[name]
	if _, err := os.Lstat(folder); !ok && err != nil {
		return Pin{}, fmt.Errorf("skill: %q is neither pinned nor installed: %w", name, fs.ErrNotExist)
	}
	if err := k.Note(ctx, Removed, Record{Name: name, Version: p.Version, SHA256: p.SHA256, Folder: folder}); err != nil {
		return Pin{}, err
	}
	delete(pins.Skills, name)
	if ok {
		if err := pins.write(k.State); err != nil {
			return Pin{}, err
		}
	}
	if err := k.drop(pins, p.SHA256); err != nil {
		return Pin{}, err
	}
	l, err := ReadLock(k.State)
	if err != nil {
		return Pin{}, err
	}
	if _, locked := l.Skills[name]; locked {
		delete(l.Skills, name)
		if err := l.Write(k.State); err != nil {
			return Pin{}, err
		}
	}
	p.Name, p.Folder = name, folder
	return p, removeAll(folder)
}

// sweep removes what was staged an hour ago and never adopted.
func (k *Keeper) sweep() {
	dir := filepath.Join(k.State, stagingDir)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if st, err := e.Info(); err == nil && k.Now().Sub(st.ModTime()) > time.Hour {
			_ = removeAll(filepath.Join(dir, e.Name()))
		}
	}
}

func newID() string {
	var b [12]byte
	_, _ = rand.Read(b[:]) // never fails: the runtime ends the program instead
	return hex.EncodeToString(b[:])
}
