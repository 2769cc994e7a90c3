# SPDX-License-Identifier: GPL-3.0-or-later
"""The features of kustomize that k8s/ uses, for machines without it: resources, components, images, patches
that are merged (maps member by member, lists of named things by name, other lists as a whole) or delete. Other
features are an error.

    kustomize.py FOLDER     prints the manifests, as kubectl kustomize FOLDER would
"""
import sys
from pathlib import Path

import yaml

KNOWN = {"apiVersion", "kind", "resources", "components", "images", "patches"}
# Members that identify the members of a list, when all have it.
KEYS = ("name", "mountPath", "containerPort", "topologyKey")


def read(path):
    return [item for item in yaml.safe_load_all(path.read_text()) if item]


def identity(item):
    return item["kind"], item["metadata"].get("namespace"), item["metadata"]["name"]


def list_key(*lists):
    for key in KEYS:
        if all(isinstance(item, dict) and key in item for items in lists for item in items):
            return key
    return None


def merge_lists(base, patch, atomic):
    key = None if atomic else list_key(base, patch)
    if not key:
        return patch
    changes = {item[key]: item for item in patch}
    merged = [merge(item, changes.pop(item[key], {}), atomic) for item in base]
    return [*changes.values(), *merged]


def merge(base, patch, atomic=False):
    """atomic: lists are replaced, as in all kinds of which kustomize has no schema."""
    if isinstance(base, dict) and isinstance(patch, dict):
        merged = dict(base)
        for name, value in patch.items():
            if value is None:
                merged.pop(name, None)
            else:
                merged[name] = merge(base[name], value, atomic) if name in base else value
        return merged
    if isinstance(base, list) and isinstance(patch, list):
        return merge_lists(base, patch, atomic)
    return patch


def is_custom(item):
    return "." in item["apiVersion"] and not item["apiVersion"].split("/")[0].endswith(".k8s.io")


def apply_patch(items, patch):
    patch = dict(patch)
    delete = patch.pop("$patch", None) == "delete"
    found = [item for item in items if identity(item) == identity(patch)]
    if len(found) != 1:
        raise SystemExit(f"kustomize: patch of {identity(patch)} finds {len(found)}")
    changed = [] if delete else [merge(found[0], patch, is_custom(found[0]))]
    return [entry for item in items for entry in (changed if item is found[0] else [item])]


def pod_specs(item):
    template = (item.get("spec") or {}).get("template")
    return [template["spec"]] if template else []


def set_image(items, image):
    for item in items:
        for spec in pod_specs(item):
            for container in spec["containers"]:
                name, _, tag = container["image"].rpartition(":")
                if name == image["name"]:
                    new = image.get("newName", name)
                    container["image"] = (
                        f"{new}@{image['digest']}"
                        if "digest" in image
                        else f"{new}:{image.get('newTag', tag)}"
                    )


def build(folder, items=()):
    folder, items = Path(folder), list(items)
    [kustomization] = read(folder / "kustomization.yaml")
    unknown = set(kustomization) - KNOWN
    if unknown:
        raise SystemExit(f"kustomize: {folder}: {', '.join(unknown)} is not supported by scripts/lib/kustomize.py")
    for name in kustomization.get("resources", []):
        path = folder / name
        items += build(path) if path.is_dir() else read(path)
    for name in kustomization.get("components", []):
        items = build(folder / name, items)
    for patch in kustomization.get("patches", []):
        for document in read(folder / patch["path"]):
            items = apply_patch(items, document)
    for image in kustomization.get("images", []):
        set_image(items, image)
    return items


if __name__ == "__main__":
    yaml.safe_dump_all(build(sys.argv[1]), sys.stdout, sort_keys=False)
