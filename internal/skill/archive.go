package skill

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/openclaw-go/openclaw/internal/skillscan"
)

// MaxArchive bounds an archive as it is fetched.
const MaxArchive = 16 << 20

// Unpack reads a zip or (compressed) tar archive into memory, by what it is
// and not by its name. It writes nothing, and stops at the limits of a skill
// whatever the archive says of itself.
func Unpack(data []byte) ([]skillscan.File, error) {
	if len(data) > MaxArchive {
		return nil, refuse(RuleTooLarge, "", "the archive has %d bytes, at most %d", len(data), MaxArchive)
	}
	u := unpacker{at: map[string]bool{}}
	var err error
	switch {
	case bytes.HasPrefix(data, []byte("PK\x03\x04")), bytes.HasPrefix(data, []byte("PK\x05\x06")):
		err = u.zip(data)
	case bytes.HasPrefix(data, []byte{0x1f, 0x8b}):
		var z *gzip.Reader
		if z, err = gzip.NewReader(bytes.NewReader(data)); err == nil {
			err = u.tar(z)
		}
	case len(data) > 262 && string(data[257:262]) == "ustar":
		err = u.tar(bytes.NewReader(data))
	default:
		return nil, refuse(RuleArchive, "", "it is neither a zip nor a tar.gz archive")
	}
	var r *Refusal
	if err != nil && !errors.As(err, &r) {
		return nil, refuse(RuleArchive, "", "%v", err)
	}
	if err != nil {
		return nil, err
	}
	return u.unwrapped(), nil
}

type unpacker struct {
	out   []skillscan.File
	at    map[string]bool
	total int64
	seen  int
}

// room counts one more entry.
func (u *unpacker) room() error {
	if u.seen++; u.seen > skillscan.MaxFiles {
		return refuse(RuleTooLarge, "", "more than %d entries", skillscan.MaxFiles)
	}
	return nil
}

// add takes an entry whose path is clean, with the folders above it.
func (u *unpacker) add(f skillscan.File) error {
	if strings.HasPrefix(f.Path, "/") || strings.Contains("/"+f.Path+"/", "/../") {
		return refuse(RuleBadPath, f.Path, "the archive writes outside of where it is unpacked")
	}
	f.Path = strings.TrimSuffix(strings.TrimPrefix(f.Path, "./"), "/")
	if f.Path == "" || f.Path == "." {
		return nil
	}
	if err := cleanPath(f.Path); err != nil {
		return err
	}
	for i, c := range f.Path {
		if above := f.Path[:i]; c == '/' && !u.at[above] {
			u.at[above] = true
			u.out = append(u.out, skillscan.File{Path: above, Type: skillscan.Folder, Mode: 0o755})
		}
	}
	if u.at[f.Path] {
		if f.Type == skillscan.Folder {
			return nil
		}
		return refuse(RuleArchive, f.Path, "the archive holds it twice")
	}
	u.at[f.Path] = true
	u.out = append(u.out, f)
	return nil
}

// content reads one file within what is left.
func (u *unpacker) content(name string, r io.Reader) ([]byte, error) {
	left := min(int64(skillscan.MaxFile), skillscan.MaxTotal-u.total)
	b, err := io.ReadAll(io.LimitReader(r, left+1))
	if err != nil {
		return nil, fmt.Errorf("%q: %w", name, err)
	}
	if int64(len(b)) > left {
		return nil, refuse(RuleTooLarge, name, "it unpacks to more than %d bytes, or all of it to more than %d", skillscan.MaxFile, skillscan.MaxTotal)
	}
	u.total += int64(len(b))
	return b, nil
}

func (u *unpacker) zip(data []byte) error {
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return err
	}
	for _, e := range z.File {
		if err := u.room(); err != nil {
			return err
		}
		f := skillscan.File{Path: e.Name, Mode: uint32(e.Mode().Perm())}
		if e.Flags&1 != 0 {
			return refuse(RuleArchive, e.Name, "it is encrypted")
		}
		switch m := e.Mode(); {
		case m.IsDir():
			f.Type = skillscan.Folder
		case m&fs.ModeSymlink != 0:
			f.Type = skillscan.Link
		case m.IsRegular():
			f.Type = skillscan.Regular
		default:
			return refuse(RuleSpecial, e.Name, "it is neither a file, a folder nor a link")
		}
		if f.Type != skillscan.Folder {
			r, err := e.Open()
			if err != nil {
				return fmt.Errorf("%q: %w", e.Name, err)
			}
			b, err := u.content(e.Name, r)
			if cerr := r.Close(); err == nil {
				err = cerr
			}
			if err != nil {
				return err
			}
			if f.Type == skillscan.Link {
				f.Target, f.Mode = string(b), 0o777
			} else {
				f.Data = b
			}
		}
		f.Mode = modeOf(f)
		if err := u.add(f); err != nil {
			return err
		}
	}
	return nil
}

func (u *unpacker) tar(r io.Reader) error {
	// What no entry accounts for is bounded too: headers and padding.
	t := tar.NewReader(io.LimitReader(r, skillscan.MaxTotal+skillscan.MaxFiles*2048))
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil && !errors.Is(err, tar.ErrInsecurePath) {
			return err
		}
		if err := u.room(); err != nil {
			return err
		}
		f := skillscan.File{Path: h.Name, Mode: uint32(h.FileInfo().Mode().Perm())}
		switch h.Typeflag {
		case tar.TypeDir:
			f.Type = skillscan.Folder
		case tar.TypeReg:
			f.Type = skillscan.Regular
			if f.Data, err = u.content(h.Name, t); err != nil {
				return err
			}
		case tar.TypeSymlink:
			f.Type, f.Target = skillscan.Link, h.Linkname
		case tar.TypeXGlobalHeader:
			continue
		case tar.TypeLink:
			return refuse(RuleLink, h.Name, "it is another name of %q", h.Linkname)
		default:
			return refuse(RuleSpecial, h.Name, "it is neither a file, a folder nor a link")
		}
		f.Mode = modeOf(f)
		if err := u.add(f); err != nil {
			return err
		}
	}
}

// modeOf is the one of the modes that a skill's entries have.
func modeOf(f skillscan.File) uint32 {
	switch {
	case f.Type == skillscan.Folder, f.Type == skillscan.Regular && f.Mode&0o111 != 0:
		return 0o755
	case f.Type == skillscan.Link:
		return 0o777
	}
	return 0o644
}

// unwrapped takes off the one folder that everything lies in.
func (u *unpacker) unwrapped() []skillscan.File { return unwrap(u.out) }

func unwrap(files []skillscan.File) []skillscan.File {
	if slices.ContainsFunc(files, func(f skillscan.File) bool { return strings.EqualFold(f.Path, "SKILL.md") }) || len(files) == 0 {
		return files
	}
	top, _, _ := strings.Cut(files[0].Path, "/")
	var out []skillscan.File
	for _, f := range files {
		first, rest, _ := strings.Cut(f.Path, "/")
		switch {
		case first != top:
			return files
		case rest == "" && f.Type != skillscan.Folder:
			return files
		case rest != "":
			f.Path = rest
			out = append(out, f)
		}
	}
	return out
}

// Below gives the part of a set of files that lies in one folder of it.
func Below(files []skillscan.File, folder string) ([]skillscan.File, error) {
	folder = path.Clean(folder)
	if folder == "." {
		return files, nil
	}
	if err := cleanPath(folder); err != nil {
		return nil, err
	}
	var out []skillscan.File
	for _, f := range files {
		if rest, ok := strings.CutPrefix(f.Path, folder+"/"); ok {
			f.Path = rest
			out = append(out, f)
		}
	}
	if len(out) == 0 {
		return nil, refuse(RuleNoFront, folder, "there is no such folder")
	}
	return out, nil
}
