"""How kernels that call each other are compiled: typed once, optimised once, turned into machine code once.

Numba makes a library of every function, and each function's library takes in, optimises and translates all that it
calls, and all that these call, again. In a chain of six calls the last function is optimised six times. A `Part` is
only written down; the `Whole` that Python calls takes in each part that it reaches once, and everything is optimised
together. LLVM does the same work on the same code, with the same result, but once.

Types are found in the same way as ever, with one change: Numba looks up every operation in a table whose key holds all
forty compiler settings, and compares them one by one, which was a fifth of a compilation. `_Settings` compares those
that were set.
"""

from __future__ import annotations

import gc
import re
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

from llvmlite import binding
from numba.core import codegen, compiler, typed_passes, untyped_passes
from numba.core.compiler_machinery import register_pass

from argus._kernel_cache import kernel_compiles
from argus.core._kernel_tidying import TidyStatements

__all__ = ["Part", "WideWhole", "Whole"]


# Numba is not typed.
_JITCodeLibrary: Any = codegen.JITCodeLibrary
_CompilerBase: Any = compiler.CompilerBase
_Flags: Any = compiler.Flags
_NativeLowering: Any = typed_passes.NativeLowering
_register: Any = register_pass

_NOT_NEEDED: Final = frozenset(
    {
        untyped_passes.DeadBranchPrune,
        typed_passes.DumpParforDiagnostics,
        untyped_passes.FindLiterallyCalls,
        untyped_passes.InlineClosureLikes,
        untyped_passes.InlineInlinables,
        typed_passes.InlineOverloads,
        untyped_passes.LiteralPropagationSubPipelinePass,
        untyped_passes.LiteralUnroll,
        untyped_passes.MakeFunctionToJitFunction,
        typed_passes.NopythonRewrites,
        untyped_passes.RewriteDynamicRaises,
        untyped_passes.RewriteSemanticConstants,
        untyped_passes.WithLifting,
    }
)
"""Steps for what kernels do not use (closures, comprehensions, contexts, whole-array formulas, loops over types), each
of which works out anew which variable lives where."""

_MERGED: Final = binding.Linkage.linkonce_odr
_INTERNAL: Final = binding.Linkage.internal

_INLINED_BELOW: Final = 50
"""What LLVM reckons a part to cost above which it stays apart, where it is called from several places. With its own 250
nothing becomes faster, and everything longer."""

_OF_EIGHT: Final = ".v8f64"
"""End of the names of LLVM's functions of eight numbers side by side."""

_DEFINITION: Final = re.compile(r"^(define .*) \{$", re.MULTILINE)

_SPEED: Final = 3
"""How much LLVM does for speed: as much as it can."""

_COLLECT_AFTER: Final = 100_000
"""New objects after which the collector of garbage looks at them, while a kernel is compiled."""


class _Settings(_Flags):  # type: ignore[misc]
    """Compiler settings that are quick to compare: equal if the same ones were set to the same values."""

    __slots__ = ()

    def __hash__(self) -> int:
        return hash(_Settings)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Settings) and bool(self._values == other._values)


class _Environments:
    """Stands in for the code generator of a part: remembers what has to be set once there is code."""

    def __init__(self) -> None:
        self.by_name: dict[str, Any] = {}

    def set_env(self, name: str, environment: Any) -> None:
        """Note the environment of the part's function."""
        self.by_name[name] = environment


class _PartLibrary(_JITCodeLibrary):  # type: ignore[misc]
    """Code that is written down, for others to take in."""

    def __init__(self, codegen: Any, name: str) -> None:
        super().__init__(codegen, name)
        self.environments = _Environments()

    @property
    def codegen(self) -> Any:
        """What Numba asks to set the environment; there is no code yet to set it in."""
        return self.environments

    def parts(self) -> Iterator[Any]:
        """The libraries that this one calls."""
        return iter(self._linking_libraries)

    def own_module(self) -> Any:
        """The code of this function alone, in a form that may be taken in several times."""
        self._ensure_finalized()
        return super()._get_module_for_linking()

    def _optimize_functions(self, ll_module: Any) -> None:
        ll_module.data_layout = self._codegen._data_layout

    def finalize(self) -> None:
        """Nothing more can be added; no machine code is made."""
        self._raise_if_finalized()
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:
        """None: there is no machine code."""
        self._ensure_finalized()
        return 0

    def _get_module_for_linking(self) -> Any:
        """With everything that it calls, for a function that is compiled in Numba's own way."""
        module = self.own_module().clone()
        for library in reached(self):
            module.link_in(_linkable(library), preserve=True)
        return module


def reached(library: Any) -> list[Any]:
    """All libraries that are called from this one, each once."""
    found: dict[Any, None] = {}
    waiting = list(library._linking_libraries)
    while waiting:
        one = waiting.pop()
        if one not in found:
            found[one] = None
            if isinstance(one, _PartLibrary):
                waiting.extend(one.parts())
    return list(found)


def _linkable(library: Any) -> Any:
    return library.own_module() if isinstance(library, _PartLibrary) else library._get_module_for_linking()


@cache
def _widest(codegen: Any) -> Any:
    """This processor as a target, with the widest vectors that it has.

    LLVM keeps to half of them on processors that are clocked lower while wide ones are at work.
    """
    options: dict[str, Any] = {"opt": _SPEED}
    codegen._customize_tm_options(options)
    if "+avx512f" not in options["features"]:
        return codegen._tm
    options["features"] += ",-prefer-256-bit"
    return binding.Target.from_triple(binding.get_process_triple()).create_target_machine(**options)


class _WholeLibrary(_JITCodeLibrary):  # type: ignore[misc]
    """Code with all its parts, optimised together."""

    _final_module: Any

    def finalize(self) -> None:
        """Take in every part once, optimise, make machine code."""
        self._raise_if_finalized()
        parts = reached(self)
        for library in parts:
            self._reload_init.update(library._reload_init)
            self._final_module.link_in(_linkable(library), preserve=True)
        self._linking_libraries: list[Any] = []
        super().finalize()
        for library in parts:
            if isinstance(library, _PartLibrary):
                for name, environment in library.environments.by_name.items():
                    if self._codegen._engine.is_symbol_defined(name):
                        self._codegen.set_env(name, environment)

    def _optimize_functions(self, ll_module: Any) -> None:
        ll_module.data_layout = self._codegen._data_layout

    def _optimize_final_module(self) -> None:
        # A part that nobody outside can call need not keep its list of arguments, nor stay where it is called once.
        if any(function.name.endswith(_OF_EIGHT) for function in self._final_module.functions):
            self._final_module = binding.parse_assembly(self._with_width(str(self._final_module)))
        for function in self._final_module.functions:
            if function.linkage == _MERGED:
                function.linkage = _INTERNAL
        options = binding.create_pipeline_tuning_options(speed_level=_SPEED)
        options.loop_vectorization = True
        options.inlining_threshold = _INLINED_BELOW
        builder = binding.create_pass_builder(self._target(), options)
        passes = builder.getModulePassManager()
        passes.add_refprune_pass()
        passes.run(self._final_module, builder)

    def _with_width(self, code: str) -> str:
        """Code whose vectors that are asked for by name are no wider than those that LLVM makes by itself."""
        return _DEFINITION.sub(r'\1 "min-legal-vector-width"="0" {', code)

    def _target(self) -> Any:
        return self._codegen._tm


class _WideLibrary(_WholeLibrary):
    """The same, with the widest vectors."""

    def _with_width(self, code: str) -> str:
        return code

    def _target(self) -> Any:
        return _widest(self._codegen)


class _LoweringInto(_NativeLowering):  # type: ignore[misc]
    """Numba's lowering, into a library of ours."""

    library_class: Any = None

    def run_pass(self, state: Any) -> bool:
        """Lower the function."""
        if state.library is None:
            state.library = self.library_class(state.targetctx.codegen(), state.func_id.func_qualname)
            state.library.enable_object_caching()
        return bool(super().run_pass(state))


@_register(mutates_CFG=True, analysis_only=False)
class _LowerPart(_LoweringInto):
    _name = "argus_lower_part"
    library_class = _PartLibrary


@_register(mutates_CFG=True, analysis_only=False)
class _LowerWhole(_LoweringInto):
    _name = "argus_lower_whole"
    library_class = _WholeLibrary


@_register(mutates_CFG=True, analysis_only=False)
class _LowerWide(_LoweringInto):
    _name = "argus_lower_wide"
    library_class = _WideLibrary


class _KernelCompiler(_CompilerBase):  # type: ignore[misc]
    """Numba's road through a function, with another end."""

    lowering: Any = None

    def __init__(  # as Numba calls it
        self, typingctx: Any, targetctx: Any, library: Any, args: Any, return_type: Any, flags: Any, names: Any
    ) -> None:
        super().__init__(typingctx, targetctx, library, args, return_type, _Settings(flags), names)

    def _compile_core(self) -> Any:
        kernel_compiles()
        # What a compilation makes stays till its end; the collector would look at all of it again and again.
        before = gc.get_threshold()
        gc.set_threshold(_COLLECT_AFTER, *before[1:])
        try:
            return super()._compile_core()
        finally:
            gc.set_threshold(*before)

    def define_pipelines(self) -> list[Any]:
        """The passes."""
        builder: Any = compiler.DefaultPassBuilder
        manager = builder.define_nopython_pipeline(self.state)
        manager.passes = [
            (self.lowering if step is _NativeLowering else step, what)
            for step, what in manager.passes
            if step not in _NOT_NEEDED
        ]
        manager.add_pass_after(TidyStatements, untyped_passes.ReconstructSSA)
        manager.finalize()
        return [manager]


class Part(_KernelCompiler):
    """Compiles a function that only other kernels call."""

    lowering = _LowerPart


class Whole(_KernelCompiler):
    """Compiles a function that Python calls."""

    lowering = _LowerWhole


class WideWhole(_KernelCompiler):
    """Compiles a function that Python calls, and that is nothing but arithmetic on long columns."""

    lowering = _LowerWide
