package skill

import (
	"fmt"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/openclaw-go/openclaw/internal/skillscan"
)

// Refusal says why a skill is not taken. Its rule is one of the constants
// below, or one of policy's.
type Refusal struct {
	Rule string
	// File is the entry at fault, "" when it is the whole.
	File string
	Why  string
	// Hint is what a person can do, if there is anything.
	Hint string
}

func (r *Refusal) Error() string {
	if r.File != "" {
		return fmt.Sprintf("skill: %s: %q: %s", r.Rule, r.File, r.Why)
	}
	return fmt.Sprintf("skill: %s: %s", r.Rule, r.Why)
}

// Rules that a skill is refused by before anybody looks at what it does.
const (
	RuleBadPath   = "skill.bad_path"
	RuleBadName   = "skill.bad_name"
	RuleLink      = "skill.link_outside"
	RuleSpecial   = "skill.special_file"
	RuleTooLarge  = "skill.too_large"
	RuleArchive   = "skill.archive"
	RuleNoFront   = "skill.no_manifest"
	RuleBlocked   = "skill.blocked"
	RuleReview    = "skill.needs_review"
	RuleDuplicate = "skill.duplicate"
	RuleChanged   = "skill.changed"
	RuleModerated = "skill.moderated"
)

func refuse(rule, file, why string, args ...any) *Refusal {
	return &Refusal{Rule: rule, File: file, Why: fmt.Sprintf(why, args...)}
}

// Bundle is a skill that may be looked at: every entry is a file, a folder or
// a link that stays inside, by a clean name, read as a whole.
type Bundle struct {
	Front  skillscan.Front
	Files  []skillscan.File
	SHA256 string
}

// Admit checks the entries of a skill. Where they came from does not matter.
func Admit(files []skillscan.File) (Bundle, error) {
	files = withoutOrigin(files)
	total := 0
	at := map[string]*skillscan.File{}
	for i := range files {
		f := &files[i]
		if err := entry(f); err != nil {
			return Bundle{}, err
		}
		if total += len(f.Data); total > skillscan.MaxTotal || len(files) > skillscan.MaxFiles {
			return Bundle{}, refuse(RuleTooLarge, "", "%d entries and more than %d bytes; at most %d entries and %d bytes", len(files), total, skillscan.MaxFiles, skillscan.MaxTotal)
		}
		folded := strings.ToLower(f.Path)
		if at[folded] != nil {
			return Bundle{}, refuse(RuleBadPath, f.Path, "another entry has the same name")
		}
		at[folded] = f
	}
	for i := range files {
		if f := &files[i]; f.Type == skillscan.Link {
			if err := inside(at, f); err != nil {
				return Bundle{}, err
			}
		}
	}
	b := Bundle{Files: files, SHA256: skillscan.Digest(files)}
	main := at["skill.md"]
	if main == nil || main.Type != skillscan.Regular {
		return Bundle{}, refuse(RuleNoFront, "", "it has no SKILL.md")
	}
	var err error
	if b.Front, err = skillscan.ReadFront(string(main.Data)); err != nil {
		return Bundle{}, refuse(RuleNoFront, main.Path, "%v", err)
	}
	if err := Name(b.Front.Name); err != nil {
		return Bundle{}, err
	}
	if v := b.Front.Version; len(v) > 64 || strings.ContainsFunc(v, unclean) {
		return Bundle{}, refuse(RuleBadName, main.Path, "version %q is no version", v)
	}
	return b, nil
}

// Name checks the name of a skill: 1 to 64 of a-z, 0-9 and "-".
func Name(name string) error {
	ok := name != "" && len(name) <= 64 && name[0] != '-'
	for _, c := range []byte(name) {
		ok = ok && (c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-')
	}
	if !ok {
		return refuse(RuleBadName, "", "%q is no name of a skill: 1 to 64 of a-z, 0-9 and \"-\"", name)
	}
	return nil
}

// entry checks one entry by itself.
func entry(f *skillscan.File) error {
	if err := cleanPath(f.Path); err != nil {
		return err
	}
	switch f.Type {
	case skillscan.Special:
		return refuse(RuleSpecial, f.Path, "it is neither a file, a folder nor a link")
	case skillscan.Regular, skillscan.Link, skillscan.Folder:
	}
	if f.Unread != "" {
		return refuse(RuleTooLarge, f.Path, "%s", f.Unread)
	}
	if len(f.Data) > skillscan.MaxFile {
		return refuse(RuleTooLarge, f.Path, "%d bytes, at most %d", len(f.Data), skillscan.MaxFile)
	}
	if f.Mode&0o7000 != 0 {
		return refuse(RuleSpecial, f.Path, "mode %04o lets it run as somebody else", f.Mode)
	}
	return nil
}

// Limits of paths.
const (
	maxPath    = 512
	maxElement = 200
)

func cleanPath(p string) error {
	switch {
	case !utf8.ValidString(p) || strings.ContainsFunc(p, unclean):
		return refuse(RuleBadName, p, "the name holds characters that cannot be shown")
	case p == "" || p == "." || p != path.Clean(p) || strings.HasPrefix(p, "/") || p == ".." || strings.HasPrefix(p, "../"):
		return refuse(RuleBadPath, p, "the path is not a clean one below the skill")
	case strings.ContainsAny(p, `\:`):
		return refuse(RuleBadPath, p, "the path means another place on another system")
	case len(p) > maxPath || strings.Count(p, "/") >= maxDepth:
		return refuse(RuleBadPath, p[:min(len(p), 80)], "the path is longer than %d bytes or deeper than %d folders", maxPath, maxDepth)
	}
	for e := range strings.SplitSeq(p, "/") {
		if len(e) > maxElement {
			return refuse(RuleBadPath, e[:80], "the name is longer than %d bytes", maxElement)
		}
	}
	return nil
}

// unclean are characters that a name does not hold: what steers terminals,
// turns text around or is not seen.
func unclean(r rune) bool {
	return r == utf8.RuneError || unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co)
}

// inside follows a link to its end, which must be an entry of the skill.
func inside(at map[string]*skillscan.File, f *skillscan.File) error {
	seen := f
	for range 8 {
		to := strings.ReplaceAll(seen.Target, `\`, "/")
		full := path.Join(path.Dir(seen.Path), to)
		if strings.HasPrefix(to, "/") || strings.HasPrefix(to, "~") || full == ".." || strings.HasPrefix(full, "../") || strings.ContainsFunc(to, unclean) {
			return refuse(RuleLink, f.Path, "it leads to %q, out of the skill", f.Target)
		}
		next := at[strings.ToLower(full)]
		if next == nil || next.Path != full {
			return refuse(RuleLink, f.Path, "it leads to %q, which is not there", f.Target)
		}
		if next.Type != skillscan.Link {
			if next.Type == skillscan.Folder && strings.HasPrefix(f.Path, next.Path+"/") {
				return refuse(RuleLink, f.Path, "it leads back to a folder that holds it")
			}
			return nil
		}
		seen = next
	}
	return refuse(RuleLink, f.Path, "it leads in a circle")
}

// withoutOrigin leaves out what an installation writes beside the skill.
func withoutOrigin(files []skillscan.File) []skillscan.File {
	other := false
	for _, f := range files {
		if strings.HasPrefix(f.Path, originFolder+"/") && f.Path != originFile {
			other = true
		}
	}
	out := make([]skillscan.File, 0, len(files))
	for _, f := range files {
		if f.Path == originFile && f.Type == skillscan.Regular || f.Path == originFolder && f.Type == skillscan.Folder && !other {
			continue
		}
		out = append(out, f)
	}
	return out
}
