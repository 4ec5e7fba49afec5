"""Our side: each kind of case, computed by the engine through its public doors."""
