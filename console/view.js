// SPDX-License-Identifier: GPL-3.0-or-later
/* The view library, under one name: every file imports it from here. */
export {
    html, render, useState, useEffect, useLayoutEffect, useMemo, useRef, useCallback,
} from "./vendor/htm-preact.js";
