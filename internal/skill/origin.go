package skill

import (
	"path/filepath"
	"strings"
)

// OriginKind says on which road a skill came.
type OriginKind string

// Kinds of origins.
const (
	FromRegistry OriginKind = "registry"
	FromFolder   OriginKind = "folder"
	FromArchive  OriginKind = "archive"
	FromGit      OriginKind = "git"
)

// Origin says where a skill came from.
type Origin struct {
	Kind OriginKind `json:"kind"`
	// Where is the folder, the archive or the address of the repository.
	Where string `json:"where,omitempty"`
	// Registry, Slug and Owner name a skill of a registry.
	Registry string `json:"registry,omitempty"`
	Slug     string `json:"slug,omitempty"`
	Owner    string `json:"owner,omitempty"`
	// Ref and Folder are the part of a repository; Commit is what was there.
	Ref    string `json:"ref,omitempty"`
	Folder string `json:"path,omitempty"`
	Commit string `json:"commit,omitempty"`
}

func (o Origin) String() string {
	switch o.Kind {
	case FromRegistry:
		s := o.Slug
		if o.Owner != "" {
			s = "@" + o.Owner + "/" + s
		}
		return "registry " + o.Registry + " " + s
	case FromGit:
		s := "git " + o.Where
		if o.Ref != "" {
			s += "@" + o.Ref
		}
		if o.Folder != "" {
			s += " " + o.Folder
		}
		if o.Commit != "" {
			s += " at " + o.Commit
		}
		return s
	case FromFolder, FromArchive:
		return string(o.Kind) + " " + o.Where
	}
	return "unknown"
}

// ParseOrigin reads what a person names: a path, a git address, "slug" or
// "@owner/slug". abs makes a path absolute; exists tells whether there is such
// a file.
func ParseOrigin(arg string, abs func(string) string, exists func(string) (folder, file bool)) (Origin, error) {
	isPath := strings.HasPrefix(arg, "./") || strings.HasPrefix(arg, "../") || filepath.IsAbs(arg) || strings.HasPrefix(arg, "~/") || arg == "." || arg == ".."
	if !isPath {
		if o, ok := parseGit(arg); ok {
			return o, nil
		}
	}
	if folder, file := exists(arg); folder && (isPath || strings.ContainsRune(arg, '/')) {
		return Origin{Kind: FromFolder, Where: abs(arg)}, nil
	} else if file && (isPath || strings.ContainsAny(arg, "/.")) {
		return Origin{Kind: FromArchive, Where: abs(arg)}, nil
	}
	if isPath {
		return Origin{}, refuse(RuleBadPath, arg, "there is no such file or folder")
	}
	o := Origin{Kind: FromRegistry, Slug: arg}
	if rest, ok := strings.CutPrefix(arg, "@"); ok {
		o.Owner, o.Slug, _ = strings.Cut(rest, "/")
		if err := Name(strings.ToLower(o.Owner)); err != nil {
			return Origin{}, err
		}
	}
	return o, Name(o.Slug)
}

// parseGit reads "git:ADDRESS[@REF][#FOLDER]" and addresses that end in ".git".
func parseGit(arg string) (Origin, bool) {
	rest, named := strings.CutPrefix(arg, "git:")
	if strings.HasPrefix(rest, "//") { // git://…
		rest, named = arg, false
	}
	folder := ""
	if at, f, ok := strings.Cut(rest, "#"); ok {
		rest, folder = at, f
	}
	ref := ""
	if i := strings.LastIndexByte(rest, '@'); i > strings.LastIndexByte(rest, '/') && i > 0 {
		rest, ref = rest[:i], rest[i+1:]
	}
	if !named && !(strings.Contains(rest, "://") && strings.HasSuffix(rest, ".git")) {
		return Origin{}, false
	}
	return Origin{Kind: FromGit, Where: rest, Ref: ref, Folder: folder}, true
}
